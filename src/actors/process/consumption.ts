// What the processes of a turn use of the machine, read from /proc. Linux only; elsewhere nothing is known.

import { readdirSync, readFileSync } from 'node:fs'

export interface Consumption {
  processes: number
  /** Bytes of resident memory, of all of them together; what they share counts for each. */
  memory: number
  /** Milliseconds of processor time, of those that have ended too, as far as somebody has waited for them. */
  cpu: number
}

interface Sample extends Consumption {
  pid: number
  parent: number
  group: number
}

/** Both are compiled into Linux for all machines that Node runs on: sysconf(_SC_CLK_TCK), and the page size but for some arm64. */
const ticksASecond = 100
const pageSize = 4_096

let last: { at: number; samples: Sample[] } = { at: Number.NEGATIVE_INFINITY, samples: [] }

/** One look serves all turns of a moment. */
function look(): Sample[] {
  const now = performance.now()
  if (now - last.at < 1_000) return last.samples
  const samples = names().flatMap((name): Sample[] => {
    let stat: string
    try {
      stat = readFileSync(`/proc/${name}/stat`, 'latin1')
    } catch {
      return [] // it has ended meanwhile
    }
    // The command's name is in parentheses and may hold spaces and parentheses itself: count from the last one (proc(5), fields 3 to 24).
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const ticks = fields[11]! + fields[12]! + fields[13]! + fields[14]!
    const memory = Math.max(0, fields[21]!) * pageSize
    return [{ pid: Number(name), parent: fields[1]!, group: fields[2]!, processes: 1, memory, cpu: (ticks * 1_000) / ticksASecond }]
  })
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

/** Of the group and everything below its leader. In a PID namespace that is all of it: orphans stay below its first process. */
export function consumptionOf(group: number): Consumption {
  const samples = look()
  const children = Map.groupBy(samples, ({ parent }) => parent)
  const own = new Set(samples.filter((sample) => sample.group === group))
  for (const sample of own) for (const child of children.get(sample.pid) ?? []) own.add(child)
  const sum: Consumption = { processes: 0, memory: 0, cpu: 0 }
  for (const { processes, memory, cpu } of own) {
    sum.processes += processes
    sum.memory += memory
    sum.cpu += cpu
  }
  return sum
}
