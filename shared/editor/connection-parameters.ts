import type { JsonSchema } from './connector-options.ts'

const secret = 'A reference: `env:NAME` or `vault:NAME`, never the secret itself.'

/** How a connection is written out, where no datasource is named (dataworks-datax.md §3.2, §3.3, §3.5). */
export const connectionParameters: Readonly<Record<string, JsonSchema>> = {
  endpoint: { type: 'string', examples: ['https://oss-cn-hangzhou.aliyuncs.com'] },
  region: { type: 'string', description: 'Unset: the one in the endpoint.' },
  bucket: { type: 'string' },
  accessId: { type: 'string', description: 'Unset, with accessKey: the role of the function.' },
  accessKey: { type: 'string', description: secret },
  jdbcUrl: {
    type: ['string', 'array'],
    description: 'One address, without user and password; of several the first is used.',
    examples: ['jdbc:postgresql://gp-xxx.gpdb.rds.aliyuncs.com:5432/dw'],
  },
  host: { type: 'string', description: 'With port and database, in the place of jdbcUrl.' },
  port: { type: ['integer', 'string'], default: 5432 },
  database: { type: 'string' },
  username: { type: 'string' },
  password: { type: 'string', description: secret },
}
