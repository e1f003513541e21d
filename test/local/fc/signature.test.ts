import { InvokeFunctionRequest } from '@alicloud/fc20230330'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FcServer } from '../../../shared/local/fc/server.ts'
import { makeRoleKeys } from '../../../shared/local/role-keys.ts'
import { fcKeys, startTestFc } from '../../support/fc.ts'
import { fc2, fc3, type RawCall, rawRequest, signedAcs3, signedFc2 } from '../../support/fc-client.ts'
import { tempDir } from '../../support/temp-dir.ts'

const roleKeys = makeRoleKeys()
const role = roleKeys.issue()
let server: FcServer
beforeAll(async () => {
  const functions = { one: { code: 'exports.handler = async (event) => String(event)' } }
  server = await startTestFc(await tempDir('fc-signature'), functions, {
    findSecret: (id) =>
      id === fcKeys.accessKeyId ? { accessKeySecret: fcKeys.accessKeySecret, securityToken: null } : roleKeys.find(id),
  })
})
afterAll(() => server.close())

const families = [
  {
    name: '2016-08-15',
    sign: signedFc2,
    path: '/2016-08-15/services/svc.prod/functions/test-one/invocations?a=b',
    codeOf: (text: string) => (JSON.parse(text) as { ErrorCode: string }).ErrorCode,
    dateHeader: 'date',
    tokenHeader: 'x-fc-security-token',
  },
  {
    name: '2023-03-30',
    sign: signedAcs3,
    path: '/2023-03-30/functions/test-one/invocations?qualifier=LATEST',
    codeOf: (text: string) => (JSON.parse(text) as { Code: string }).Code,
    dateHeader: 'x-acs-date',
    tokenHeader: 'x-acs-security-token',
  },
]

describe.each(families)('a signature of $name', ({ sign, path, codeOf, dateHeader, tokenHeader }) => {
  const call: RawCall = { path, body: 'x' }
  const send = async (signed: Record<string, string>, sent: RawCall = call) => {
    const { status, text } = await rawRequest(server.endpoint, sent, signed)
    return status === 200 ? text : `${status} ${codeOf(text)}`
  }
  const without = (signed: Record<string, string>, name: string) =>
    Object.fromEntries(Object.entries(signed).filter(([header]) => header !== name))

  it('is taken when it is right, also of temporary keys with their token', async () => {
    expect(await send(sign(call))).toBe('x')
    expect(await send(sign({ ...call, keys: role }))).toBe('x')
  })

  it('is refused with the code of what is wrong', async () => {
    const wrongSecret = { ...fcKeys, accessKeySecret: 'wrong' }
    expect(await send(sign({ ...call, keys: wrongSecret }))).toBe('403 SignatureNotMatch')
    expect(await send(sign({ ...call, keys: { ...fcKeys, accessKeyId: 'nobody' } }))).toBe('403 InvalidAccessKeyID')
    expect(await send(sign(call), { ...call, body: 'y' })).toBe('400 InvalidArgument')
    expect(await send(sign({ ...call, path: path.replace('one', 'two') }))).toBe('403 SignatureNotMatch')
    expect(await send(sign({ ...call, method: 'PUT' }))).toBe('403 SignatureNotMatch')
  })

  it('is refused a quarter of an hour before and after its time', async () => {
    for (const minutes of [-16, 16]) {
      const date = new Date(Date.now() + minutes * 60_000)
      expect(await send(sign({ ...call, date }))).toBe('403 RequestTimeTooSkewed')
    }
    expect(await send(sign({ ...call, date: new Date(Date.now() - 14 * 60_000) }))).toBe('x')
  })

  it('is refused without a header it needs, which is named', async () => {
    for (const name of ['authorization', dateHeader]) {
      const { status, text } = await rawRequest(server.endpoint, call, without(sign(call), name))
      expect([status, codeOf(text)]).toEqual([400, 'MissingRequiredHeader'])
      expect(text.toLowerCase()).toContain(`'${name}'`)
    }
  })

  it('of temporary keys is refused without their token, or with another', async () => {
    const { securityToken: _, ...keys } = role
    expect(await send(sign({ ...call, keys }))).toBe('403 InvalidSecurityToken')
    expect(await send(sign({ ...call, keys: { ...role, securityToken: 'other' } }))).toBe('403 InvalidSecurityToken')
    expect(await send(without(sign({ ...call, keys: role }), tokenHeader))).toBe('403 InvalidSecurityToken')
    expect(await send(sign({ ...call, keys: { ...fcKeys, securityToken: 'none' } }))).toBe('403 InvalidSecurityToken')
  })
})

describe('the real SDKs', () => {
  it('sign as we check, with temporary keys too', async () => {
    for (const keys of [fcKeys, role]) {
      expect((await fc2(server.endpoint, keys).invokeFunction('svc', 'test-one', 'hé')).data).toBe('hé')
      const answer = await fc3(server.endpoint, keys).invokeFunction('test-one', new InvokeFunctionRequest({}))
      expect(answer.statusCode).toBe(200)
    }
  })

  it('read our refusals as the cloud’s', async () => {
    const wrong = { ...fcKeys, accessKeySecret: 'wrong' }
    await expect(fc2(server.endpoint, wrong).invokeFunction('svc', 'test-one', 'x')).rejects.toMatchObject({
      code: 'SignatureNotMatch',
    })
    await expect(
      fc3(server.endpoint, wrong).invokeFunction('test-one', new InvokeFunctionRequest({})),
    ).rejects.toMatchObject({ code: 'SignatureNotMatch', statusCode: 403 })
  })
})
