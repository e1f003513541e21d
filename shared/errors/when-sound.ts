import type * as z from 'zod'

/**
 * For a check over several members of an object: it runs when these are sound, whatever is wrong with others, so that one
 * pass tells all faults, and none twice. zod by itself would skip it, or run it on members that it has just refused.
 */
export const whenSound = (...names: readonly string[]) => ({
  when: ({ issues }: z.core.ParsePayload): boolean =>
    issues.every(({ path = [] }) => path.length > 0 && !names.includes(String(path[0]))),
})
