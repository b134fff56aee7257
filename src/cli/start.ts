// start: the server in the foreground, from the first check of the configuration to the last commit.

import { randomUUID } from 'node:crypto'
import { existsSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer as createSocket } from 'node:net'
import { constants } from 'node:os'
import { type Logger, pino } from 'pino'
import type { App } from '../app.ts'
import { assertSecrets, type Config, makeDataFolder, operatorTokenOf, type Secret } from '../config.ts'
import { FatalError, toErrorData } from '../errors.ts'
import type { WebhookSecrets } from '../server/webhooks/routes.ts'
import { addressFile } from './client.ts'
import type { Command, Context } from './command.ts'
import { exit, sentenceOf } from './exit.ts'
import { openLogFile } from './log-file.ts'
import { packageVersion } from './version.ts'

export const command: Command = {
  name: 'start',
  aliases: ['serve'],
  summary: 'Run the server in the foreground until SIGTERM or SIGINT.',
  flags: { stately: { description: "Feed Stately's inspector as well" } },
  json: 'one line { url, pid, dataFolder } when it is ready',
  examples: ['signalbox start', 'signalbox start --config /etc/signalbox/signalbox.config.json --json'],
  run: async (context) => {
    const config = context.config()
    assertSecrets(config)
    operatorTokenOf(config)
    await assertPortIsFree(config)
    makeDataFolder(config)
    outliveReaders()
    const ending = listenForSignals(context)
    const log = openLogFile(config.dataFolder, { retention: config.store.retention })
    const logger = pino({ base: null }, log)
    const app = await boot(config, logger, context)
    const instance = randomUUID()
    const server = await serve(app, config, logger, instance)
    try {
      announce(server.url, instance, config, context)
      if (app.health().state === 'draining') context.output.note('Drained before: no run starts until `signalbox resume`.')
    } catch (error) {
      await server.close()
      await app.stop()
      throw error
    }
    const why = await Promise.race([ending, failureOf(app)])
    return await endInTime(server, app, config, context, why)
  },
}

type Ending = { kind: 'signal' } | { kind: 'failure'; error: unknown }

async function boot(config: Config, logger: Logger, context: Context): Promise<App> {
  const { createApp } = await import('../app.ts')
  try {
    return await createApp(config, { logger, stately: context.has('stately') })
  } catch (error) {
    const code = (error as { code?: unknown }).code
    if (typeof code !== 'string' || !code.startsWith('SQLITE_')) throw error
    const what = `Cannot use the database ${config.store.path}: ${sentenceOf(error)}`
    const advice = code === 'SQLITE_FULL' ? 'Free space on its disk and start again.' : 'See `signalbox doctor`.'
    throw new FatalError('database-unusable', `${what}. ${advice}`, { cause: error })
  }
}

async function serve(app: App, config: Config, logger: Logger, instance: string): Promise<{ url: string; close: () => Promise<void> }> {
  const { host, port, publicUrl, metrics } = config.server
  const webhooks = webhookSecretsOf(config)
  const options = {
    host,
    port,
    publicUrl,
    metrics,
    webhooks,
    operatorToken: operatorTokenOf(config),
    instance,
    version: packageVersion(),
    logger,
  }
  try {
    const { createServer } = await import('../server/server.ts')
    return await createServer(app, options)
  } catch (error) {
    await app.stop()
    throw error
  }
}

/** Of the providers that are configured; null turns their webhooks away. */
function webhookSecretsOf({ forge, tracker, webhooks }: Config): WebhookSecrets {
  const secretOf = (secret: Secret | null) => (webhooks && secret !== null ? secret.reveal() : null)
  return {
    ...(forge.kind === 'github' ? { github: secretOf(forge.webhookSecret) } : {}),
    ...(tracker.kind === 'linear' ? { linear: secretOf(tracker.webhookSecret) } : {}),
  }
}

function announce(url: string, instance: string, config: Config, context: Context): void {
  writeFileSync(addressFile(config), `${JSON.stringify({ url, pid: process.pid, instance })}\n`, { mode: 0o600 })
  context.output.note(`Signalbox is ready at ${url} (data in ${config.dataFolder}). \`signalbox inspect\` opens the page.`)
  context.output.lineOfJson({ url, pid: process.pid, dataFolder: config.dataFolder })
}

/** Stops intake, then the runtime; what has not ended within 10 s is left to the next start, which resumes it. */
async function endInTime(server: { close: () => Promise<void> }, app: App, config: Config, context: Context, why: Ending): Promise<number> {
  const late = setTimeout(() => {
    context.output.note('signalbox: not everything ended in time; the next start goes on from the last commit.')
    process.exit(exit.failed)
  }, 9_500)
  await server.close()
  // While the database is still ours: afterwards the file may be that of the next server.
  withdraw(config, context)
  await app.stop()
  clearTimeout(late)
  if (why.kind === 'signal') return exit.done
  throw toStopError(why.error, config)
}

/** What kept the database from committing, and what to do about that. */
function toStopError(error: unknown, { store }: Config): FatalError {
  const { cause = error } = error as { cause?: unknown }
  const code = String((cause as { code?: unknown } | undefined)?.code ?? '')
  const advice = /^(SQLITE_FULL|SQLITE_IOERR|ENOSPC|EIO)/.test(code)
    ? 'Free disk space or mend the disk'
    : code.startsWith('SQLITE_READONLY')
      ? `Make ${store.path} writable again`
      : `See \`signalbox doctor\` and the log`
  return new FatalError(
    'runtime-stopped',
    `The runtime has stopped because its database could not commit: ${toErrorData(cause).message}. ${advice}, then start again: it goes on from the last commit.`,
    { cause },
  )
}

/** A data folder that has become read-only keeps its announcement, which nobody answers: that is no reason to end badly. */
function withdraw(config: Config, context: Context): void {
  try {
    unlinkSync(addressFile(config))
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return
    context.output.note(`signalbox: ${toErrorData(error).message}; the file is out of date until the next start.`)
  }
}

/** Resolves at the first signal; a second one, half a second later or more, ends the process at once. */
function listenForSignals(context: Context): Promise<Ending> {
  const { promise, resolve } = Promise.withResolvers<Ending>()
  let first: number | undefined
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      const now = performance.now()
      if (first === undefined) {
        first = now
        context.output.note(`signalbox: ${name}: ending (again to force) …`)
        resolve({ kind: 'signal' })
        // A terminal's Ctrl-C reaches npm or the launcher as well, which hand it on: one press is one signal.
      } else if (now - first > 500) {
        process.exit(128 + constants.signals[name])
      }
    })
  }
  return promise
}

/** Resolves when the runtime has stopped by itself, which only a database that cannot commit makes it do. */
function failureOf(app: App): Promise<Ending> {
  return app.stopped.then(
    () => new Promise<never>(() => {}), // It was asked to.
    (error: unknown) => ({ kind: 'failure', error }),
  )
}

/** A server whose log reader has gone (a closed pipe) goes on serving. */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error')
    stream.on('error', () => {})
  }
}

/** Before anything is touched. When the port is taken by the owner of the same database, that is what is told. */
async function assertPortIsFree(config: Config): Promise<void> {
  const { host, port } = config.server
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = createSocket()
  socket.once('error', reject)
  socket.listen({ host, port, exclusive: true }, () => socket.close(() => resolve()))
  try {
    await promise
  } catch (error) {
    const { lockOf, takeOwnership } = await import('../persistence/ownership.ts')
    if (existsSync(lockOf(config.store.path))) takeOwnership(config.store.path).release()
    throw toPortError(error, config)
  }
}

function toPortError(error: unknown, config: Config): unknown {
  const { host, port } = config.server
  const code = (error as { code?: string }).code ?? (error as { cause?: { code?: string } }).cause?.code
  const options = { cause: error }
  if (code === 'EADDRINUSE')
    return new FatalError(
      'port-in-use',
      `Port ${port} on ${host} is in use by another program. End it, or set server.port in ${config.file}.`,
      options,
    )
  if (code === 'EACCES')
    return new FatalError(
      'port-refused',
      `Port ${port} on ${host} may not be bound by this user. Set server.port to one above 1023 in ${config.file}.`,
      options,
    )
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new FatalError('host-unavailable', `${host} is not an address of this machine. Set server.host in ${config.file}.`, options)
  return error
}
