// Doctor: the machine. Disk, database and its owner, port, clock, git.

import { existsSync, mkdtempSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { get } from 'node:http'
import { dirname, join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { git } from '../actors/git.ts'
import { type Config, makeDataFolder } from '../config.ts'
import { FatalError } from '../errors.ts'
import { openDatabase } from '../persistence/database.ts'
import { lockOf, takeOwnership } from '../persistence/ownership.ts'
import { createClient } from './client.ts'
import { type Finding, fail, pass, warn } from './doctor.ts'
import { sentenceOf } from './exit.ts'

const gigabyte = 1024 ** 3

export function checkDisk({ dataFolder }: Config): Finding[] {
  let folder = dataFolder
  while (!existsSync(folder)) folder = dirname(folder)
  const { bavail, bsize, files, ffree } = statfsSync(folder)
  const free = bavail * bsize
  const text = `${(free / gigabyte).toFixed(1)} GiB free for ${dataFolder}`
  const remedy = 'Free space, or set store.path to another disk.'
  if (free < gigabyte / 5) return [fail('disk', text, remedy)]
  if (files > 0 && ffree < 1_000) return [fail('disk', `only ${ffree} more files fit on the disk of ${dataFolder}`, remedy)]
  return [free < 2 * gigabyte ? warn('disk', text, remedy) : pass('disk', text)]
}

// Kinds of file systems (statfs) whose locks or memory maps do not hold between machines, which SQLite relies on.
const networkFileSystems = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x73757245, 'Coda'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x7461636f, 'OCFS2'],
  [0x01161970, 'GFS2'],
  [0x013111a8, 'IBRIX'],
])
const maybeNetworkFileSystems = new Map([
  [0x65735546, 'FUSE'],
  [0x01021997, '9P'],
])

/** The network file system that a statfs type belongs to. */
export function networkFileSystem(type: number): { name: string; certain: boolean } | undefined {
  const unsigned = type >>> 0
  const certain = networkFileSystems.get(unsigned)
  if (certain) return { name: certain, certain: true }
  const maybe = maybeNetworkFileSystems.get(unsigned)
  return maybe ? { name: maybe, certain: false } : undefined
}

export function checkDatabase(config: Config): Finding[] {
  const { dataFolder, store } = config
  makeDataFolder(config)
  const findings: Finding[] = []
  const network = networkFileSystem(statfsSync(dataFolder).type)
  if (network?.certain)
    findings.push(
      fail('database', `${dataFolder} is on ${network.name}: SQLite loses data on network file systems`, 'Set store.path to a local disk.'),
    )
  if (network && !network.certain)
    findings.push(
      warn(
        'database',
        `${dataFolder} is on ${network.name}, which may be a network file system`,
        'Make sure that it is local, or set store.path to a local disk.',
      ),
    )
  const mode = statSync(dataFolder).mode & 0o777
  if ((mode & 0o077) !== 0)
    findings.push(warn('database', `${dataFolder} is open to other users (mode ${mode.toString(8)})`, `chmod 700 ${dataFolder}`))
  if (!existsSync(store.path)) return [...findings, pass('database', `${store.path} will be made at the first start`)]
  try {
    openDatabase(store.path, { readOnly: true }).close()
    findings.push(pass('database', `${store.path} opens`))
  } catch (error) {
    const isOlder = (error as { code?: string }).code === 'database-older'
    findings.push(
      isOlder
        ? warn('database', sentenceOf(error), 'The next start brings it up to date.')
        : fail('database', sentenceOf(error), 'Restore a backup, or set store.path.'),
    )
  }
  return findings
}

/** Who owns the database, and whether the port is theirs or free. */
export async function checkServer(config: Config): Promise<Finding[]> {
  const { host, port } = config.server
  const where = `${host}:${port}`
  const health = port === 0 ? undefined : await ask(`http://${host.includes(':') ? `[${host}]` : host}:${port}/health`)
  const owner = ownerOf(config.store.path)
  if (health?.signalbox) return [await checkAnswer(config, where)]
  if (owner !== null) {
    return [
      warn('server', `${owner}, but no server answers at ${where}`, 'It may be starting or ending; if it stays so, end that process.'),
    ]
  }
  if (health) return [fail('server', `another program answers at ${where}`, 'End it, or set server.port.')]
  const busy = await bindError(host, port)
  if (busy !== null) return [fail('server', `${where} cannot be bound (${busy})`, 'End what uses it, or set server.host and server.port.')]
  return [pass('server', `none is running; ${where} is free`)]
}

/** Whether what answers is the server of this configuration, asked as the commands ask. */
async function checkAnswer(config: Config, where: string): Promise<Finding> {
  try {
    await createClient(config).get('/api/machines')
    return pass('server', `a server answers at ${where}`)
  } catch (error) {
    const isOther = error instanceof FatalError && ['wrong-token', 'other-server'].includes(error.code)
    if (isOther) return fail('server', error.message, 'A start needs the port: end that server, or set server.port.')
    throw error
  }
}

function ownerOf(path: string): string | null {
  if (!existsSync(lockOf(path))) return null
  try {
    takeOwnership(path).release()
    return null
  } catch (error) {
    if ((error as { code?: string }).code === 'database-owned') return `a live process owns ${path}`
    throw error
  }
}

/** What answers: undefined when nothing does. */
function ask(url: string): Promise<{ signalbox: boolean } | undefined> {
  const { promise, resolve } = Promise.withResolvers<{ signalbox: boolean } | undefined>()
  const request = get(url, { timeout: 2_000 }, (response) => {
    readText(response).then(
      (body) => resolve({ signalbox: isHealthDocument(body) }),
      () => resolve({ signalbox: false }),
    )
  })
  request.on('timeout', () => request.destroy())
  // Refused is nobody; anything else is somebody who does not speak HTTP.
  request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED' ? undefined : { signalbox: false }))
  return promise
}

function isHealthDocument(body: string): boolean {
  try {
    const value: unknown = JSON.parse(body)
    const { status, version } = (value ?? {}) as { status?: unknown; version?: unknown }
    return status === 'ok' && typeof version === 'string'
  } catch {
    return false // Not JSON, so not ours.
  }
}

function bindError(host: string, port: number): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  const socket = createServer()
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  socket.listen({ host, port, exclusive: true }, () => socket.close(() => resolve(null)))
  return promise
}

/** The clock against the database and the file system: events of the future would hold back every timer. */
export function checkClock({ dataFolder, store }: Config): Finding[] {
  const remedy = 'Set the clock (timedatectl set-ntp true). Timers count from the last event in the database.'
  const now = Date.now()
  const written = [store.path, `${store.path}-wal`].filter((file) => existsSync(file)).map((file) => statSync(file).mtimeMs)
  const ahead = Math.max(0, ...written) - now
  if (ahead > 60_000)
    return [fail('clock', `the database was written ${Math.round(ahead / 60_000)} minutes in the future of this clock`, remedy)]
  const probe = join(dataFolder, `.clock-${process.pid}`)
  writeFileSync(probe, '')
  const skew = Math.abs(statSync(probe).mtimeMs - Date.now())
  rmSync(probe)
  if (skew > 5_000) return [warn('clock', `the file system's clock differs from this one by ${Math.round(skew / 1_000)} s`, remedy)]
  return [
    now < Date.UTC(2025, 0) ? fail('clock', `it says ${new Date(now).toISOString()}`, remedy) : pass('clock', new Date(now).toISOString()),
  ]
}

const neededGit = [2, 38] as const

/** The version, and a worktree really made and written to in the data folder. */
export async function checkGit({ dataFolder }: Config): Promise<Finding[]> {
  const version = (await git(['--version'], { cwd: dataFolder })).stdout.trim().replace('git version ', '')
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isOld = major < neededGit[0] || (major === neededGit[0] && minor < neededGit[1])
  if (isOld) return [fail('git', `git ${version} is too old`, `Install git ${neededGit.join('.')} or newer.`)]
  const folder = mkdtempSync(join(dataFolder, '.doctor-'))
  try {
    const repository = join(folder, 'repository')
    const tree = join(folder, 'tree')
    await git(['init', '--quiet', '--initial-branch=main', repository], { cwd: folder })
    const env = {
      GIT_AUTHOR_NAME: 'Signalbox',
      GIT_AUTHOR_EMAIL: 'signalbox@localhost',
      GIT_COMMITTER_NAME: 'Signalbox',
      GIT_COMMITTER_EMAIL: 'signalbox@localhost',
    }
    await git(['commit', '--quiet', '--allow-empty', '--message=doctor'], { cwd: repository, env })
    await git(['worktree', 'add', '--quiet', '-b', 'probe', tree], { cwd: repository })
    writeFileSync(join(tree, 'file'), 'written')
    const { stdout } = await git(['status', '--porcelain'], { cwd: tree })
    const isSeen = stdout.trim() === '?? file' && readFileSync(join(tree, 'file'), 'utf8') === 'written'
    return [
      isSeen
        ? pass('git', `git ${version}; a worktree was made and written to`)
        : fail('git', `git ${version} does not see a new file in a worktree`, 'Check the file system of the data folder.'),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
