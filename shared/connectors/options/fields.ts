import * as z from 'zod'

/*
 * Official samples write numbers and booleans as strings, and `""` for "not set" (dataworks-datax.md §1.1). Each field
 * here takes those forms, and takes its own output again: options are parsed once per step of a run.
 */

const unsetWhenBlank = (value: unknown) => (value === '' || value === null ? undefined : value)

export const flag = (otherwise: boolean) =>
  z.preprocess((value) => {
    const given = typeof value === 'string' ? value.trim().toLowerCase() : value
    if (given === 'true' || given === 'false') return given === 'true'
    return unsetWhenBlank(given)
  }, z.boolean().default(otherwise))

export const count = (bounds: { min: number; max: number; otherwise: number }) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : unsetWhenBlank(value)),
    z.number().int().min(bounds.min).max(bounds.max).default(bounds.otherwise),
  )

/** A longer record is refused. It is held in memory whole, so this bounds the memory of a function too. */
export const recordBytes = () => count({ min: 1024, max: 1024 ** 3, otherwise: 64 * 1024 * 1024 })

export const optionalText = () => z.preprocess(unsetWhenBlank, z.string().optional())

/** One text or a list of them; blank ones are left out. */
export const texts = () =>
  z.preprocess((value) => {
    const list = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]
    return list.filter((item) => item !== '')
  }, z.array(z.string()))

/** Marks an issue that is about what we do not do yet, not about a mistake: the parser reports `job/unsupported`. */
export const unsupportedIssue = { code: 'job/unsupported' } as const

/** One of `values`, in any case. `refused` says of known others why they are not taken. */
export const choice = <const T extends string>(
  values: readonly T[],
  options: {
    otherwise?: NoInfer<T>
    refused?: Readonly<Record<string, string>>
    aliases?: Readonly<Record<string, T>>
  },
) => {
  const known = new Map(values.map((value) => [value.toLowerCase(), value]))
  const aliases = new Map(Object.entries(options.aliases ?? {}))
  const refused = new Map(Object.entries(options.refused ?? {}))
  const chosen = z
    .string()
    .superRefine((value, context) => {
      const reason = refused.get(value)
      if (reason !== undefined) context.addIssue({ code: 'custom', message: reason, params: unsupportedIssue })
    })
    .pipe(z.enum(values))
  return z.preprocess((value) => {
    if (typeof value !== 'string') return unsetWhenBlank(value) ?? options.otherwise
    const given = value.trim().toLowerCase()
    if (given === '') return options.otherwise
    return known.get(given) ?? aliases.get(given) ?? given
  }, chosen)
}

/** A parameter of which only "not set" is taken; a harmless value that means the same may be named. */
export const notYet = (reason: string, harmless: readonly unknown[] = []) =>
  z
    .unknown()
    .superRefine((value, context) => {
      const isUnset = value === undefined || unsetWhenBlank(value) === undefined || harmless.includes(value)
      if (!isUnset) context.addIssue({ code: 'custom', message: reason, params: unsupportedIssue })
    })
    .transform(() => undefined)
    .optional()

/** What the wizard of DataWorks leaves in scripts (dataworks-datax.md §1.1). */
const leftByWizard = 'the wizard left it; it has no meaning in a run'
export const wizardLeavings: Readonly<Record<string, string>> = {
  envType: leftByWizard,
  guid: leftByWizard,
  tableComment: leftByWizard,
  partitionKey: leftByWizard,
  indexes: leftByWizard,
  selectedDatabase: leftByWizard,
  isSupportThreeModel: leftByWizard,
  useSpecialSecret: leftByWizard,
}

/** An object that refuses unknown parameters, but drops those that are known to have no effect. */
export const parameters = <S extends z.core.$ZodLooseShape>(shape: S, ignored: Readonly<Record<string, string>>) =>
  z.preprocess((value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).filter(([key]) => !Object.hasOwn(ignored, key)))
  }, z.strictObject(shape))
