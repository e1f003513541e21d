import type { z } from '@hono/zod-openapi'
import type { Deadline, World } from '../run/world.ts'
import { ErrorBody } from './schemas.ts'

export const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})
export const body = <S extends z.ZodType>(schema: S) => ({
  required: true,
  content: { 'application/json': { schema } },
})
export const security = [{ token: [] }]
export const refusals = {
  400: json(ErrorBody, 'The request is wrong'),
  401: json(ErrorBody, 'The token is missing or wrong'),
  404: json(ErrorBody, 'There is none of this name'),
}

/** What the routes of a call work with. */
export interface Served {
  readonly world: World
  readonly deadline: Deadline
}
