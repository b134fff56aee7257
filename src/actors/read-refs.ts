// What refs are at: read from the files of a bare repository, as most of ours are, or else asked of git. A process for each look was
// one in twenty of all that an issue costs.

import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { git } from './git.ts'

/** The commits of those of `refs`, full names, that exist. Throws as `git`. */
export async function readRefs(repository: string, refs: readonly string[]): Promise<Map<string, string>> {
  const found = keepsFiles(repository) ? await inFiles(repository, refs) : null
  if (found !== null) return found
  const all = await askGit(repository, refs)
  return new Map(refs.flatMap((ref) => (all.has(ref) ? [[ref, all.get(ref)!]] : []))) // a pattern also matches what is below it
}

/** Where refs are that we read all of. */
export type RefFolder = 'refs' | 'refs/heads' | 'refs/signalbox/saved'

/** Every ref below `folder` (default: every branch), full names, with its commit. Throws as `git`. */
export async function readAllRefs(repository: string, folder: RefFolder = 'refs/heads'): Promise<Map<string, string>> {
  const found = keepsFiles(repository) ? await allInFiles(repository, folder) : null
  return found ?? askGit(repository, [`${folder}/`])
}

async function allInFiles(repository: string, folder: RefFolder): Promise<Map<string, string> | null> {
  // The files first: git writes what it packs before it removes them.
  const entries = await readdir(join(repository, folder), { recursive: true, withFileTypes: true }).catch(() =>
    existsSync(join(repository, folder)) ? null : [],
  )
  // A folder that goes while it is read ends all of it: git knows better then.
  if (entries === null || entries.some((entry) => !entry.isFile() && !entry.isDirectory())) return null
  const loose = entries.flatMap((file) => (file.isFile() ? [relative(repository, join(file.parentPath, file.name))] : []))
  const packed = await readFile(join(repository, 'packed-refs'), 'utf8').catch(noFile)
  const inPack = [...packedIn(packed).keys()].filter((ref) => ref.startsWith(`${folder}/`))
  const refs = [...new Set([...inPack, ...loose])].filter((ref) => !ref.endsWith('.lock'))
  return refs.some((ref) => !plainName.test(ref)) ? null : inFiles(repository, refs)
}

/** Of most refs; whether another one is a name that git takes, git knows. */
const plainName = /^[\w./+@#=,%-]+$/

/** A bare repository by git's own rule, which keeps its refs in files (gitrepository-layout) and for itself. */
function keepsFiles(folder: string): boolean {
  const has = (name: string): boolean => existsSync(join(folder, name))
  return !has('.git') && ['HEAD', 'objects', 'refs'].every(has) && !has('reftable') && !has('commondir')
}

/** Null where something is not as it mostly is: git knows better then. */
async function inFiles(folder: string, refs: readonly string[]): Promise<Map<string, string> | null> {
  if (refs.some((ref) => !ref.startsWith('refs/') || ref.includes('..'))) return null
  const loose = await Promise.all(refs.map((ref) => readFile(join(folder, ref), 'utf8').catch(noFile)))
  if (loose.some((text) => text !== null && !/^(?:[0-9a-f]{40}|[0-9a-f]{64})\n$/.test(text))) return null
  // Git packs a ref before it removes its file, so that one without a file is looked for there afterwards.
  const packed = loose.includes(null) ? await readFile(join(folder, 'packed-refs'), 'utf8').catch(noFile) : null
  const lines = packedIn(packed)
  return new Map(refs.flatMap((ref, n) => [loose[n]?.trim() ?? lines.get(ref)].flatMap((sha) => (sha === undefined ? [] : [[ref, sha]]))))
}

const packedIn = (text: string | null): Map<string, string> => new Map(text?.split('\n').map(toEntry))

function toEntry(line: string): [string, string] {
  const end = line.indexOf(' ')
  return [line.slice(end + 1), line.slice(0, end)]
}

/** A name that is a folder, or is below a file, is no ref; of what cannot be read git says more. */
function noFile(error: unknown): null | '' {
  return ['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '') ? null : ''
}

async function askGit(repository: string, patterns: readonly string[]): Promise<Map<string, string>> {
  const { stdout } = await git(['for-each-ref', '--format=%(refname)%00%(objectname)', '--', ...patterns], { cwd: repository })
  const lines = stdout.split('\n').filter((line) => line !== '')
  return new Map(lines.map((line) => line.split('\0') as [string, string]))
}
