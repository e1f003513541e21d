import { readdir, readFile, writeFile } from 'node:fs/promises'

/** What a process is to the bench; a function by its name. */
export type Part = 'server' | 'source' | 'platform' | `function ${string}` | 'client'

export interface Spent {
  readonly cpuSeconds: number
  /** Of the largest process of the part. */
  readonly peakRssMb: number
}

export type SpentByPart = ReadonlyMap<Part, Spent>

interface ProcessFacts {
  readonly pid: number
  readonly parent: number
  readonly command: string
  readonly ownTicks: number
  /** Of children that have ended: what a session of the database becomes. */
  readonly endedTicks: number
}

/** Linux says ticks of 10 ms everywhere that Node runs. */
const ticksPerSecond = 100
/** Looking at all processes of a machine costs 20 ms, which the cases that are measured would miss. */
const sampleEveryMs = 2000

/**
 * CPU and memory of the processes of a stack between two moments, read from /proc (Linux alone), and of a server beside it
 * that rows are read from. A function instance that ends in between is counted up to its last sample.
 */
export async function measureProcesses(stackPid: number, work: () => Promise<void>): Promise<SpentByPart> {
  const first = await sample(stackPid)
  for (const pid of first.keys()) await forgetPeak(pid)
  const last = new Map(first)
  const peaks = new Map<number, number>()
  let isOver = false
  const look = async () => {
    const now = await sample(stackPid)
    for (const [pid, facts] of last) if (!now.has(pid)) last.set(pid, { ...facts, hasEnded: true })
    for (const [pid, facts] of now) {
      last.set(pid, facts)
      peaks.set(pid, Math.max(peaks.get(pid) ?? 0, await peakMbOf(pid)))
    }
  }
  const watching = (async () => {
    while (!isOver) {
      await look()
      await new Promise((resolve) => setTimeout(resolve, sampleEveryMs))
    }
  })()
  const clientBefore = await clientSeconds()
  await work()
  const client = (await clientSeconds()) - clientBefore
  isOver = true
  await watching
  await look()
  return sumUp(first, last, peaks, client)
}

/** Of this process and of its children that have ended, such as psql. */
async function clientSeconds(): Promise<number> {
  const { user, system } = process.cpuUsage()
  const { endedTicks = 0 } = (await factsOf(process.pid)) ?? {}
  return (user + system) / 1e6 + endedTicks / ticksPerSecond
}

function sumUp(
  first: ReadonlyMap<number, Named>,
  last: ReadonlyMap<number, Named>,
  peaks: ReadonlyMap<number, number>,
  cpuSecondsOfClient: number,
): SpentByPart {
  const spent = new Map<Part, Spent>([['client', { cpuSeconds: cpuSecondsOfClient, peakRssMb: 0 }]])
  for (const [pid, facts] of last) {
    const before = spent.get(facts.part) ?? { cpuSeconds: 0, peakRssMb: 0 }
    spent.set(facts.part, {
      cpuSeconds: before.cpuSeconds + ticksOf(facts, first.get(pid)) / ticksPerSecond,
      peakRssMb: Math.max(before.peakRssMb, peaks.get(pid) ?? 0),
    })
  }
  return spent
}

/** The postmaster waits for its sessions, so the ticks of those that ended are among its own, and not counted here again. */
function ticksOf(now: Named, before: Named | undefined): number {
  if (now.part !== 'server' && now.part !== 'source') return now.ownTicks - (before?.ownTicks ?? 0)
  if (now.hasEnded) return -(before?.ownTicks ?? 0)
  return now.ownTicks + now.endedTicks - (before === undefined ? 0 : before.ownTicks + before.endedTicks)
}

type Named = ProcessFacts & { readonly part: Part; readonly hasEnded: boolean }

/** The stack and everything below it; of the databases the postmaster and its sessions. */
async function sample(stackPid: number): Promise<Map<number, Named>> {
  const all = await listProcesses()
  const named = new Map<number, Named>()
  const isBelow = (facts: ProcessFacts, pid: number): boolean => {
    if (facts.pid === pid) return true
    const parent = all.get(facts.parent)
    return parent !== undefined && parent !== facts && isBelow(parent, pid)
  }
  for (const facts of all.values()) {
    const isOfStack = isBelow(facts, stackPid)
    if (isOfStack) named.set(facts.pid, { ...facts, part: await partOf(facts, stackPid), hasEnded: false })
    else if (isSource(facts) && isBelow(facts, process.pid))
      named.set(facts.pid, { ...facts, part: 'source', hasEnded: false })
  }
  return named
}

const isSource = ({ command }: ProcessFacts) => command.startsWith('postgres') || command === 'mariadbd'

async function partOf({ pid, command }: ProcessFacts, stackPid: number): Promise<Part> {
  if (pid === stackPid) return 'platform'
  if (command.startsWith('postgres')) return 'server'
  const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
  const name = /(?:^|\0)FC_FUNCTION_NAME=(?:adbpg-sync-)?([^\0]*)/.exec(environment)?.[1]
  return name === undefined ? 'platform' : `function ${name}`
}

async function listProcesses(): Promise<Map<number, ProcessFacts>> {
  const found = new Map<number, ProcessFacts>()
  for (const name of await readdir('/proc')) {
    const facts = /^\d+$/.test(name) ? await factsOf(Number(name)) : null
    if (facts !== null) found.set(facts.pid, facts)
  }
  return found
}

/** null: it has ended. */
async function factsOf(pid: number): Promise<ProcessFacts | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => null)
  if (stat === null) return null
  // The command stands in brackets and may hold blanks.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [parent = 0] = fields.slice(1, 2)
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15)
  const command = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
  return { pid, parent, command, ownTicks: user + system, endedTicks: endedUser + endedSystem }
}

/** The kernel keeps the largest RSS of a process; 5 makes it begin anew (proc(5), clear_refs). */
const forgetPeak = (pid: number) => writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => undefined)

async function peakMbOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '')
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024
}
