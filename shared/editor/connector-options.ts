import * as z from 'zod'
import { catalogue } from '../connectors/catalogue.ts'
import type { About } from '../connectors/contract.ts'
import type { CatalogueEntry, Role } from '../connectors/find-connector.ts'
import { connectionNames } from '../job/inline-connection.ts'
import { connectionParameters } from './connection-parameters.ts'

export type JsonSchema = z.core.JSONSchema.BaseSchema

/** One end of a job as an editor and a reader of the documentation see it. */
export interface EndOptions {
  readonly kind: string
  readonly title: string
  readonly role: Role
  /** What `name` and `stepType` may say for it. */
  readonly names: readonly string[]
  /** Each parameter in the words of its own schema. */
  readonly options: Readonly<Record<string, JsonSchema>>
  /** Parameters of the connection, in the place of a datasource. */
  readonly connection: Readonly<Record<string, JsonSchema>>
  /** Parameters without effect, with the reason. */
  readonly ignored: Readonly<Record<string, string>>
}

/** Every reader, then every writer, of the generated catalogue. */
export async function everyEnd(): Promise<EndOptions[]> {
  const ends: EndOptions[] = []
  for (const role of ['reader', 'writer'] as const)
    for (const entry of catalogue) {
      const about = (await entry.load())[role]
      if (about !== null) ends.push(endOf(role, entry, about))
    }
  return ends
}

function endOf(role: Role, entry: CatalogueEntry, about: About<unknown>): EndOptions {
  const { properties = {} } = z.toJSONSchema(about.options, { target: 'draft-7', io: 'output', unrepresentable: 'any' })
  const options = Object.entries(properties).filter(([name]) => name !== 'connection')
  return {
    kind: entry.kind,
    title: entry.title,
    role,
    names: (role === 'reader' ? entry.readerNames : entry.writerNames) ?? [],
    options: Object.fromEntries(options.map(([name, schema]) => [name, typeof schema === 'object' ? schema : {}])),
    connection: Object.fromEntries(
      (connectionNames[about.connection] ?? []).map((name) => [name, connectionParameters[name] ?? {}]),
    ),
    ignored: about.ignored,
  }
}
