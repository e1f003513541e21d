import * as z from 'zod'

/** What we use of the context that the nodejs20 runtime passes (fc-oss.md §2). Unknown keys are accepted. */
export const FunctionContext = z.object({
  requestId: z.string(),
  region: z.string(),
  accountId: z.string(),
  function: z.object({ name: z.string(), timeout: z.coerce.number(), memory: z.coerce.number().optional() }),
  /** Keys of the function's role; missing when the function has none. */
  credentials: z
    .object({ accessKeyId: z.string(), accessKeySecret: z.string(), securityToken: z.string().optional() })
    .optional(),
})
export type FunctionContext = z.infer<typeof FunctionContext>
