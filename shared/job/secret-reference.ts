import type { SecretRef } from '../ports/index.ts'
import { type Fault, faultAt, isSecretName, type Path } from './fault.ts'
import { isScriptObject } from './members.ts'

/** Where a literal secret of a script may go; absent, it is a fault. */
export type HoistSecret = (suggestedName: string, value: string) => SecretRef

/** A secret of KMS may be a JSON object, of which `kms:NAME#member` takes one member. */
export const isReference = (value: string): value is SecretRef =>
  /^(env|vault):[\w./-]+$|^kms:[\w./+=@-]{1,192}(#\w{1,64})?$/.test(value)

const advice = 'write a reference: "env:NAME", "kms:NAME" or "vault:NAME"'

/** The reference at `path`, or a fault. null where nothing is given. */
export function secretAt(value: unknown, path: Path, hoist: HoistSecret | null, faults: Fault[]): SecretRef | null {
  if (value === undefined || value === null || value === '') return null
  if (typeof value !== 'string' && typeof value !== 'number') {
    faults.push(faultAt(path, `must be a reference to a secret; ${advice}`))
    return null
  }
  const text = String(value)
  if (isReference(text)) return text
  if (hoist !== null) return hoist(path.filter((step) => typeof step === 'string').join('_'), text)
  faults.push(faultAt(path, `is a secret in plain text; ${advice}`, 'job/literal-secret'))
  return null
}

/** Secrets under names that no connection takes: they would travel with the options of the connector. */
export function refuseLooseSecrets(value: unknown, path: Path, faults: Fault[]): void {
  if (Array.isArray(value))
    for (const [index, item] of value.entries()) refuseLooseSecrets(item, [...path, index], faults)
  if (!isScriptObject(value)) return
  for (const [name, item] of Object.entries(value)) refuseLooseSecret(name, item, [...path, name], faults)
}

export function refuseLooseSecret(name: string, value: unknown, path: Path, faults: Fault[]): void {
  if (isSecretName(name) && typeof value === 'string' && value !== '' && !isReference(value))
    faults.push(faultAt(path, `looks like a secret in plain text; ${advice}, or remove it`, 'job/literal-secret'))
  refuseLooseSecrets(value, path, faults)
}
