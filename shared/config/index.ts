export { type Config, readConfig } from './config.ts'
export { openSecrets, type SecretPlaces } from './secrets.ts'
export { version } from './version.ts'
