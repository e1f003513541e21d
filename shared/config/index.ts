export { type Config, readConfig } from './config.ts'
export { openSecrets } from './secrets.ts'
