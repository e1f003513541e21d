import { randomBytes } from 'node:crypto'

export interface RoleKeys {
  readonly accessKeyId: string
  readonly accessKeySecret: string
  readonly securityToken: string
}

/**
 * Temporary keys such as a function's role gets: the id starts with `STS.`, which is how the SDKs know that a token goes
 * with it (fc-oss.md §2), and all three are needed together.
 */
export function makeRoleKeys(): { issue: () => RoleKeys; find: (accessKeyId: string) => RoleKeys | null } {
  const keys: RoleKeys = {
    accessKeyId: `STS.${randomBytes(8).toString('hex')}`,
    accessKeySecret: randomBytes(24).toString('base64url'),
    securityToken: randomBytes(32).toString('base64url'),
  }
  return { issue: () => keys, find: (accessKeyId) => (accessKeyId === keys.accessKeyId ? keys : null) }
}
