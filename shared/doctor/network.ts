import { lookup } from 'node:dns/promises'
import { connect, isIP } from 'node:net'
import { failed, isFine, passed, type Result, skipped } from './finding.ts'

/** Where a server is said to be. */
export interface Place {
  readonly host: string
  readonly port: number
}

/** A server of the same region answers in a millisecond; what is dropped on its way never does. */
const routeWithinMs = 5_000

/** Name and way to a server, without a word of its protocol. */
export async function checkNetwork(place: Place): Promise<Result[]> {
  const dns = await checkName(place.host)
  return [dns, isFine([dns]) ? await checkRoute(place) : skipped('route', 'needs an address')]
}

async function checkName(host: string): Promise<Result> {
  if (isIP(host) !== 0) return passed('dns', `${host} is an address`)
  try {
    const addresses = await lookup(host, { all: true })
    return passed('dns', `${host} is ${addresses.map(({ address }) => address).join(', ')}`)
  } catch (thrown) {
    return failed('dns', `${host}: ${codeOf(thrown)}`, nameAdvice(host))
  }
}

const nameAdvice = (host: string) =>
  `Correct the host name ${host}; the VPC address of an instance is known only inside of a VPC of its region.`

async function checkRoute({ host, port }: Place): Promise<Result> {
  const since = performance.now()
  const outcome = await dial(host, port)
  const withinMs = Math.max(1, Math.round(performance.now() - since))
  if (outcome === 'open') return passed('route', `${host}:${port} answers in ${withinMs} ms`)
  return failed(
    'route',
    `${host}:${port}: ${outcome}${outcome === 'ETIMEDOUT' ? ` in ${withinMs} ms` : ''}`,
    routeAdvice(outcome),
  )
}

function dial(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: routeWithinMs })
    const end = (outcome: string) => {
      socket.destroy()
      resolve(outcome)
    }
    socket.once('connect', () => end('open'))
    socket.once('timeout', () => end('ETIMEDOUT'))
    socket.once('error', (error) => end(codeOf(error)))
  })
}

/** A closed door and no door at all are different mistakes. */
function routeAdvice(outcome: string): string {
  if (outcome === 'ECONNREFUSED')
    return 'Something at that address refuses the port: correct host or port, or start the server.'
  if (outcome === 'ETIMEDOUT')
    return 'Nothing came back, so packets are dropped on the way: add the CIDR of the vSwitch of the functions to the whitelist of the instance, open the port in both security groups, and check that VPC and instance belong together.'
  return 'There is no way to that address: check vpcConfig of the functions, and that VPC and instance belong together.'
}

const codeOf = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : String(thrown)
