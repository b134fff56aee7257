// What the processes of a turn use of the machine, read from /proc. Elsewhere than on Linux only the processor time is known, at the end.

import { readdirSync, readFileSync } from 'node:fs'

export interface Consumption {
  processes: number
  /** Bytes of memory, of all of them together. By looks: resident, and what they share counts for each. */
  memory: number
  /** Milliseconds of processor time, of those that have ended too, as far as somebody has waited for them. */
  cpu: number
  /** Bytes that they have written to files on a disk, by the same rule; absent where the system does not tell. */
  disk?: number
}

/** Which processes count: the group, what is below its members, and whatever has the mark (NAME=VALUE) in its environment. */
export interface Counted {
  group: number
  mark: string
}

interface Sample extends Omit<Consumption, 'processes' | 'disk'> {
  pid: number
  parent: number
  group: number
  environment: string
}

/** Both are compiled into Linux for all machines that Node runs on: sysconf(_SC_CLK_TCK), and the page size but for some arm64. */
const ticksASecond = 100
const pageSize = 4_096

let last: { at: number; samples: Sample[] } = { at: Number.NEGATIVE_INFINITY, samples: [] }
/** By process number and start: read once, early, since programs that name themselves write over it. */
let environments = new Map<string, string>()

/** One look serves all turns: it costs some 50 µs for each process of the machine. */
function look(age: number): Sample[] {
  const now = performance.now()
  if (now - last.at <= age) return last.samples
  const known = new Map<string, string>()
  const samples = names().flatMap((name): Sample[] => {
    const stat = read(`/proc/${name}/stat`)
    if (stat === '') return [] // it has ended meanwhile
    // The command's name is in parentheses and may hold spaces and parentheses itself: count from the last one (proc(5), fields 3 to 24).
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const ticks = fields[11]! + fields[12]! + fields[13]! + fields[14]!
    const memory = Math.max(0, fields[21]!) * pageSize
    const identity = `${name} ${fields[19]}`
    const environment = environments.get(identity) ?? read(`/proc/${name}/environ`)
    known.set(identity, environment)
    return [{ pid: Number(name), parent: fields[1]!, group: fields[2]!, memory, cpu: (ticks * 1_000) / ticksASecond, environment }]
  })
  environments = known
  last = { at: now, samples }
  return samples
}

function names(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}

/** Empty when it has ended, or is not ours to be read. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** `age`: milliseconds; a look of another turn that is no older will do. */
export function consumptionOf({ group, mark }: Counted, age = 0): Consumption {
  const samples = look(age)
  const children = Map.groupBy(samples, ({ parent }) => parent)
  const own = new Set(samples.filter((sample) => sample.group === group || `\0${sample.environment}`.includes(`\0${mark}\0`)))
  for (const sample of own) for (const child of children.get(sample.pid) ?? []) own.add(child)
  const sum: Consumption = { processes: own.size, memory: 0, cpu: 0 }
  for (const { pid, memory, cpu } of own) {
    sum.memory += memory
    sum.cpu += cpu
    const disk = writtenBy(read(`/proc/${pid}/io`))
    if (disk !== undefined) sum.disk = (sum.disk ?? 0) + disk
  }
  return sum
}

/** The more of both. */
export function most(one: Consumption, other: Partial<Consumption>): Consumption {
  const more = { ...one }
  for (const name of ['processes', 'memory', 'cpu', 'disk'] as const) {
    if (other[name] !== undefined) more[name] = Math.max(one[name] ?? 0, other[name])
  }
  return more
}

/** Words of a shell that write down what those have used that it has waited for, into the file that `path`, words too, names. */
export const tallyWords = (path: string): string => `{ times; cat "/proc/$$/io"; } > ${path} 2> /dev/null`

/** What was written down; nothing where it was not. */
export function readTally(path: string): Partial<Consumption> {
  const text = read(path)
  const [, ofChildren] = text.split('\n') // the first line of `times` is of the shell itself
  const times = [...(ofChildren ?? '').matchAll(/(\d+)m(\d+)[.,](\d+)s/g)]
  if (times.length !== 2) return {}
  const cpu = times.reduce((sum, [, minutes, seconds, rest]) => sum + Number(minutes) * 60_000 + Number(`${seconds}.${rest}`) * 1_000, 0)
  const disk = writtenBy(text)
  return disk === undefined ? { cpu } : { cpu, disk }
}

/** From /proc/PID/io (proc(5)): what it had deleted again before it reached the disk does not count. */
function writtenBy(io: string): number | undefined {
  const [written, cancelled] = ['write_bytes', 'cancelled_write_bytes'].map((name) => new RegExp(`^${name}: (\\d+)`, 'm').exec(io)?.[1])
  return written === undefined ? undefined : Math.max(0, Number(written) - Number(cancelled ?? 0))
}
