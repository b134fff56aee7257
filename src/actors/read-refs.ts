// What refs are at: read from the files of a bare repository, as most of ours are, or else asked of git. A process for each look was
// one in twenty of all that an issue costs.

import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { git } from './git.ts'

/** The commits of those of `refs`, full names, that exist. Throws as `git`. */
export async function readRefs(repository: string, refs: readonly string[]): Promise<Map<string, string>> {
  const found = keepsFiles(repository) ? await inFiles(repository, refs) : null
  return found ?? askGit(repository, refs)
}

/** Every branch, full names, with its commit. Throws as `git`. */
export async function readHeads(repository: string): Promise<Map<string, string>> {
  if (!keepsFiles(repository)) return askGit(repository)
  // The files first: git writes what it packs before it removes them.
  const folder = join(repository, 'refs/heads')
  const files = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const loose = files.flatMap((file) => (file.isFile() ? [`refs/heads/${relative(folder, join(file.parentPath, file.name))}`] : []))
  const packed = await readFile(join(repository, 'packed-refs'), 'utf8').catch(noFile)
  const inPack = [...packedIn(packed).keys()].filter((ref) => ref.startsWith('refs/heads/'))
  return readRefs(
    repository,
    [...new Set([...inPack, ...loose])].filter((ref) => !ref.endsWith('.lock')),
  )
}

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

/** Without names, of all branches. */
async function askGit(repository: string, refs?: readonly string[]): Promise<Map<string, string>> {
  const wanted = refs ?? ['refs/heads/']
  const { stdout } = await git(['for-each-ref', '--format=%(refname)%00%(objectname)', '--', ...wanted], { cwd: repository })
  const lines = stdout.split('\n').filter((line) => line !== '')
  const found = new Map(lines.map((line) => line.split('\0') as [string, string]))
  if (refs === undefined) return found
  return new Map(refs.flatMap((ref) => (found.has(ref) ? [[ref, found.get(ref)!]] : []))) // a pattern also matches what is below it
}
