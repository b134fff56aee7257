// The small process that starts all others: runs what it is asked, and ends everything when the one who asks is gone.

import { toErrorData } from '../../errors.ts'
import type { HostAnswer, HostRequest } from './host.ts'
import { runHere } from './run.ts'

process.title = 'signalbox-processes'

const controllers = new Map<number, AbortController>()
const answer = (message: HostAnswer): void => {
  // Nobody hears it when the one who asked has just ended; `disconnect` follows.
  if (process.connected) process.send!(message, undefined, {}, () => {})
}
const endAll = (): void => {
  for (const controller of controllers.values()) controller.abort()
}

async function run({ id, request, lines }: Extract<HostRequest, { type: 'run' }>): Promise<void> {
  const controller = new AbortController()
  controllers.set(id, controller)
  try {
    const result = await runHere({
      ...request,
      signal: controller.signal,
      onStart: (identity) => answer({ type: 'started', id, identity }),
      ...(lines ? { onLine: (line: string) => answer({ type: 'line', id, line }) } : {}),
    })
    answer({ type: 'result', id, result })
  } catch (error) {
    answer({ type: 'error', id, error: toErrorData(error) })
  } finally {
    controllers.delete(id)
  }
}

process.on('message', (message) => {
  const request = message as HostRequest
  if (request.type === 'run') void run(request)
  else controllers.get(request.id)?.abort()
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
