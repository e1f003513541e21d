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
    (value) => (typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? Number(value) : unsetWhenBlank(value)),
    z.number().int().min(bounds.min).max(bounds.max).default(bounds.otherwise),
  )

/**
 * A longer record is refused. It is held in memory whole, by a loader up to four times: two are read in turn, and one is made
 * anew and sent. With 16 MB that is within 160 MB, with the most within the 256 that s.yaml gives a loader.
 */
export const defaultRecordBytes = 16 * 1024 * 1024
const mostRecordBytes = 32 * 1024 * 1024

export const recordBytes = () =>
  count({ min: 1024, max: mostRecordBytes, otherwise: defaultRecordBytes }).describe(
    'Bytes, at most 32 MiB. A longer record is dirty: it would have to be held in memory whole. Our own option.',
  )

export const optionalText = () => z.preprocess((value) => asText(unsetWhenBlank(value)), z.string().optional())

/** A number or a switch where a text belongs: `"column": [1, true]` is SQL, and a table may be called 2024. */
const asText = (value: unknown) => (typeof value === 'number' || typeof value === 'boolean' ? String(value) : value)

const asList = (value: unknown): unknown[] => {
  if (Array.isArray(value)) return value.map(asText)
  return unsetWhenBlank(value) === undefined ? [] : [asText(value)]
}

/** One text or a list of them; blank ones are left out. */
export const texts = () => z.preprocess((value) => asList(value).filter((item) => item !== ''), z.array(z.string()))

/** A list in which the place of each text counts: leaving out a blank one would move the others. */
export const columnTexts = () =>
  z.preprocess(
    asList,
    z.array(z.string().refine((text) => text.trim() !== '', 'is empty; every column needs a name or an expression')),
  )

/** A list of one is the one; a list of several is refused by the schema of a text. */
export const oneText = () =>
  z
    .preprocess((value) => {
      const [only, ...others] = asList(value)
      return others.length === 0 ? only : value
    }, z.string().min(1))
    .meta({ type: ['string', 'array'] })

/** Names within an option in any case, as the names of options are. */
export const foldedNames =
  (names: readonly string[]) =>
  (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    const byLower = new Map(names.map((name) => [name.toLowerCase(), name]))
    const taken = new Set(Object.keys(value))
    const entries = Object.entries(value).map(([given, item]): [string, unknown] => {
      const name = byLower.get(given.toLowerCase())
      return [name === undefined || taken.has(name) ? given : name, item]
    })
    return Object.fromEntries(entries)
  }

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
    .string({
      error: ({ input }) => `${input === undefined ? 'is missing; it ' : ''}must be one of ${values.join(', ')}`,
    })
    .superRefine((value, context) => {
      const reason = refused.get(value)
      if (reason !== undefined) context.addIssue({ code: 'custom', message: reason, params: unsupportedIssue })
    })
    .pipe(z.enum(values))
  return z
    .preprocess((value) => {
      if (typeof value !== 'string') return unsetWhenBlank(value) ?? options.otherwise
      const given = value.trim().toLowerCase()
      if (given === '') return options.otherwise
      return known.get(given) ?? aliases.get(given) ?? given
    }, chosen)
    .meta({ enum: [...values, ...aliases.keys()], ...(options.otherwise && { default: options.otherwise }) })
}

/** As `choice`, where none of them is a choice too. */
export const optionalChoice = <const T extends string>(
  values: readonly T[],
  options: Omit<Parameters<typeof choice<T>>[1], 'otherwise'>,
) => {
  const chosen = choice(values, options)
  return z
    .preprocess(unsetWhenBlank, chosen.optional())
    .meta({ enum: [...values, ...Object.keys(options.aliases ?? {})] })
}

const isBlank = (value: unknown) =>
  unsetWhenBlank(value) === undefined ||
  (typeof value === 'object' && value !== null && Object.keys(value).length === 0)

/** A parameter of which only "not set" is taken; a harmless value that means the same may be named. */
export const notYet = (reason: string, harmless: readonly unknown[] = []) =>
  z
    .unknown()
    .superRefine((value, context) => {
      const given = typeof value === 'string' ? value.toLowerCase() : value
      const isUnset = isBlank(value) || harmless.includes(value) || harmless.includes(given)
      if (!isUnset) context.addIssue({ code: 'custom', message: reason, params: unsupportedIssue })
    })
    .transform(() => undefined)
    .optional()
    .meta({ description: `Left unset${harmlessText(harmless)}; else refused: ${reason}.` })

/** The values that mean "not set", each once, as a script would write them. */
function harmlessText(harmless: readonly unknown[]): string {
  const written = harmless.map((value) => JSON.stringify(value).replaceAll('"', '').replaceAll('\\\\', '\\'))
  const texts = [...new Set(written.map((text) => text.toLowerCase()))]
  return texts.length === 0 ? '' : `, or ${texts.join(', ')}`
}

/** A parameter of the plugins' own, beside `job.setting.dryRun` (dataworks-datax.md §3.3). */
export const noDryRun = () =>
  notYet('it would move data here; look at the job with `adbpg-sync plan`', [false, 'false'])

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
  singleOrMulti: leftByWizard,
}

/** An object that refuses unknown parameters, but drops those that are known to have no effect. */
export const parameters = <S extends z.core.$ZodLooseShape>(shape: S, ignored: Readonly<Record<string, string>>) =>
  z.preprocess((value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).filter(([key]) => !Object.hasOwn(ignored, key)))
  }, z.strictObject(shape))
