import type { Sql } from '../../shared/ports/index.ts'

/** Made for these tests alone, by openssl: localhost and 127.0.0.1, a hundred years. Nobody trusts it, which is the point. */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUEhZY+yfUtU++e6NIZgiTC21aceowCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTEwMTg1MFoYDzIxMjYxMTAx
MTAxODUwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARkrP0CJ9luwkdVDBDsIWHiPafHPvOAfvZiqWFWzjw5186zh1Wrn1uq
QjGx3OzpVqtE5+vCRwO1kh5rOVvpRMRro28wbTAdBgNVHQ4EFgQUWBhKCNmFgg+I
3NQfl1yxPaDcXdwwHwYDVR0jBBgwFoAUWBhKCNmFgg+I3NQfl1yxPaDcXdwwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRwAwRAIgUpzmHKv9MsRP2EGRR59+haj1YO6Hw+urel4iNQo6YEkCIHkJ
nFkVq2Ru9zKo4+kxG9VJEd2L/LIKV5FojvGLI7hb
-----END CERTIFICATE-----
`
export const privateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghFPE8YOAXAsJcjQ3
7Q+b1XSXe+ZpZnnfXIG2i74TqzyhRANCAARkrP0CJ9luwkdVDBDsIWHiPafHPvOA
fvZiqWFWzjw5186zh1Wrn1uqQjGx3OzpVqtE5+vCRwO1kh5rOVvpRMRr
-----END PRIVATE KEY-----
`

/** Lets a test server speak TLS with a certificate that nobody has signed. `postgres` wants the key for itself alone. */
export async function switchOnTls(admin: Sql): Promise<void> {
  await writeServerFile(admin, 'server.crt', certificate)
  await writeServerFile(admin, 'server.key', privateKey)
  await admin.query('alter system set ssl = on')
  await admin.query('select pg_reload_conf()')
}

/** Who may come from where: the lines are all there are. */
export async function replaceHostRules(admin: Sql, lines: readonly string[]): Promise<void> {
  await writeServerFile(admin, 'pg_hba.conf', `${lines.join('\n')}\n`)
  await admin.query('select pg_reload_conf()')
}

/** Through the server itself, whose account owns the folder; paths of its programs begin there. */
async function writeServerFile(admin: Sql, name: string, text: string): Promise<void> {
  const encoded = Buffer.from(text).toString('base64')
  await admin.query(
    `copy (select '${encoded}') to program 'base64 -d > ${name}.new && chmod 600 ${name}.new && mv ${name}.new ${name}'`,
  )
}
