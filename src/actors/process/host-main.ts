// The small process that starts all others: runs what it is asked, and ends everything when the one who asks is gone.

import { toErrorData } from '../../errors.ts'
import type { HostAnswer, HostRequest } from './host.ts'
import { runHere, type Dialogue, type Flow, type Stdin } from './run.ts'

process.title = 'signalbox-processes'

interface Running {
  controller: AbortController
  /** Of a dialogue, once it is open. */
  pipe?: Stdin & Flow
  /** Bytes of messages that the one who asked has not taken yet. */
  untaken: number
}

/** More than this is not read ahead of the one who asked. */
const mostUntaken = 8 * 2 ** 20

const running = new Map<number, Running>()
const answer = (message: HostAnswer): void => {
  // Nobody hears it when the one who asked has just ended; `disconnect` follows.
  if (process.connected) process.send!(message, undefined, {}, () => {})
}
const endAll = (): void => {
  for (const { controller } of running.values()) controller.abort()
}

function dialogueOf(id: number, one: Running, longest: number | undefined): Dialogue {
  return {
    longest,
    onOpen: (pipe) => {
      one.pipe = pipe as Stdin & Flow
      answer({ type: 'open', id })
    },
    onMessage: (line) => {
      one.untaken += line.length
      if (one.untaken > mostUntaken) one.pipe!.pause()
      answer({ type: 'message', id, line })
    },
  }
}

function taken(one: Running, bytes: number): void {
  one.untaken -= bytes
  if (one.untaken <= mostUntaken / 2) one.pipe?.resume()
}

async function run({ id, request, lines, dialogue }: Extract<HostRequest, { type: 'run' }>): Promise<void> {
  const one: Running = { controller: new AbortController(), untaken: 0 }
  running.set(id, one)
  try {
    const result = await runHere({
      ...request,
      signal: one.controller.signal,
      ...(dialogue === null ? {} : { dialogue: dialogueOf(id, one, dialogue.longest) }),
      onStart: (identity) => answer({ type: 'started', id, identity }),
      ...(lines ? { onLine: (line: string) => answer({ type: 'line', id, line }) } : {}),
    })
    answer({ type: 'result', id, result })
  } catch (error) {
    answer({ type: 'error', id, error: toErrorData(error) })
  } finally {
    running.delete(id)
  }
}

process.on('message', (message) => {
  const request = message as HostRequest
  if (request.type === 'run') return void run(request)
  const one = running.get(request.id)
  if (one === undefined) return
  switch (request.type) {
    case 'abort':
      return one.controller.abort()
    case 'write':
      return one.pipe?.write(request.text)
    case 'end':
      return one.pipe?.end()
    case 'taken':
      return taken(one, request.bytes)
  }
})
// Signals are for the server, which decides what ends and when.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {})
process.on('disconnect', endAll)
// Its children are not to be left behind, whatever it dies of.
process.on('uncaughtException', (error) => {
  process.stderr.write(`signalbox: the process that starts all others ends: ${String(error.stack)}\n`)
  process.exitCode = 1
  if (process.connected) process.disconnect()
  endAll()
})
answer({ type: 'ready' })
