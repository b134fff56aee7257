// What git prints, read: commits and differences.

import type { CommitInfo } from './state.ts'

export interface FileChange {
  filename: string
  previous: string | undefined
  status: 'added' | 'removed' | 'modified' | 'renamed'
  additions: number
  deletions: number
  sha: string
  patch: string
}

/** The files that a commit changed, as `--name-status` names them: quoted where a name is an unusual one. */
export interface FileNames {
  added: string[]
  removed: string[]
  modified: string[]
}

export interface PersonAt {
  name: string
  email: string
  at: number
}

export function parseCommit(sha: string, text: string): CommitInfo {
  const end = text.indexOf('\n\n')
  const info: CommitInfo = {
    sha,
    tree: '',
    parents: [],
    message: text.slice(end + 2).replace(/\n$/, ''),
    author: nobody(),
    committer: nobody(),
  }
  for (const line of text.slice(0, end).split('\n')) {
    const [key, ...rest] = line.split(' ')
    const value = rest.join(' ')
    if (key === 'tree') info.tree = value
    else if (key === 'parent') info.parents.push(value)
    else if (key === 'author' || key === 'committer') info[key] = parsePerson(value)
  }
  return info
}

const nobody = () => ({ name: '', email: '', at: 0 })

function parsePerson(text: string): PersonAt {
  const match = /^(.*) <(.*)> (\d+) [+-]\d+$/.exec(text)
  return match === null ? nobody() : { name: match[1]!, email: match[2]!, at: Number(match[3]) * 1000 }
}

export function parseNames(text: string): FileNames {
  const names: FileNames = { added: [], removed: [], modified: [] }
  for (const line of text.split('\n')) {
    const [status, path] = line.split('\t')
    if (path === undefined) continue
    ;(status === 'A' ? names.added : status === 'D' ? names.removed : names.modified).push(path)
  }
  return names
}

export function parseChanges(text: string): FileChange[] {
  const files: FileChange[] = []
  // With -z, raw entries come first, then the numbers, then a zero byte and the patches.
  const parts = text.split('\0')
  let index = 0
  const kinds = { A: 'added', D: 'removed', R: 'renamed' } as const
  while (parts[index]?.startsWith(':')) {
    const [, , oldSha, newSha, status] = parts[index]!.split(' ')
    const letter = status![0]!
    const renamed = letter === 'R'
    const first = parts[index + 1]!
    files.push({
      filename: renamed ? parts[index + 2]! : first,
      previous: renamed ? first : undefined,
      status: kinds[letter as 'A'] ?? 'modified',
      additions: 0,
      deletions: 0,
      sha: letter === 'D' ? oldSha! : newSha!,
      patch: '',
    })
    index += renamed ? 3 : 2
  }
  for (const file of files) {
    const [added, removed] = parts[index]!.split('\t')
    file.additions = Number(added) || 0
    file.deletions = Number(removed) || 0
    index += file.previous === undefined ? 1 : 3
  }
  const patches = parts
    .slice(index)
    .join('\0')
    .replace(/^\0/, '')
    .split(/^diff --git .*\n/m)
    .slice(1)
  files.forEach((file, i) => {
    const patch = patches[i] ?? ''
    const start = patch.search(/^@@ /m)
    file.patch = start === -1 ? '' : patch.slice(start).replace(/\n$/, '')
  })
  return files
}
