// The processor time of another process of Node, by its debugger: which part of the program has how much of it.

import WebSocket from 'ws'

/** A function on the stack. */
export interface Frame {
  functionName: string
  url: string
  lineNumber: number
}
export interface Profile {
  nodes: { id: number; callFrame: Frame; children?: number[] }[]
  samples: number[]
  timeDeltas: number[]
}

/** Records while `work` goes on in the process that has its debugger at `address`. */
export async function profiled(address: string, work: () => Promise<unknown>): Promise<Profile> {
  const socket = new WebSocket(address, { maxPayload: 1_000_000_000 })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  let count = 0
  const post = (method: string, params: object = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const id = ++count
      const hear = (data: Buffer): void => {
        const answer = JSON.parse(String(data)) as { id?: number; result?: unknown; error?: { message: string } }
        if (answer.id !== id) return
        socket.off('message', hear)
        if (answer.error) reject(new Error(answer.error.message))
        else resolve(answer.result)
      }
      socket.on('message', hear)
      socket.send(JSON.stringify({ id, method, params }))
    })
  await post('Profiler.enable')
  await post('Profiler.setSamplingInterval', { interval: 500 })
  await post('Profiler.start')
  await work()
  const { profile } = (await post('Profiler.stop')) as { profile: Profile }
  socket.close()
  return profile
}

/** Milliseconds of each part: that of the nearest frame, from the innermost on, that `partOf` knows; idle time is left out. */
export function byPart(profile: Profile, partOf: (frame: Frame) => string | null): Map<string, number> {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)))
  const parts = new Map<number, string>()
  const find = (id: number): string => {
    const known = parts.get(id)
    if (known !== undefined) return known
    const parent = parents.get(id)
    const part = partOf(nodes.get(id)!.callFrame) ?? (parent === undefined ? 'other' : find(parent))
    parts.set(id, part)
    return part
  }
  const spent = new Map<string, number>()
  profile.samples.forEach((id, n) => {
    const { functionName } = nodes.get(id)!.callFrame
    if (functionName === '(idle)') return
    const part = find(id)
    spent.set(part, (spent.get(part) ?? 0) + Math.max(0, profile.timeDeltas[n]!) / 1_000)
  })
  return spent
}

/** The ten places with the most time of their own, in ms of each of so many `runs`. */
export function hottest(profile: Profile, runs: number): string {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]))
  const self = new Map<string, number>()
  profile.samples.forEach((id, n) => {
    const { functionName, url, lineNumber } = nodes.get(id)!
    if (functionName === '(idle)' || functionName === '(program)') return
    const place = `${functionName || '(anonymous)'} ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`
    self.set(place, (self.get(place) ?? 0) + profile.timeDeltas[n]! / 1_000 / runs)
  })
  return [...self]
    .sort((a, b) => b[1] - a[1])
    .slice(0, 10)
    .map(([place, ms]) => `${ms.toFixed(2)} ms ${place}`)
    .join('; ')
}
