// Finds the repository that a person means who stands somewhere in it.

import { statSync } from 'node:fs'
import { git } from '../actors/git.ts'
import { reasonOf } from '../config-values.ts'
import { FatalError } from '../errors.ts'

/** The work tree's top, or the repository itself when it is bare. Throws FatalError `no-such-folder` or `not-a-repository`. */
export async function findRepository(folder: string): Promise<string> {
  try {
    if (!statSync(folder).isDirectory()) throw new FatalError('no-such-folder', `${folder} is not a folder.`)
  } catch (error) {
    if (error instanceof FatalError) throw error
    throw new FatalError('no-such-folder', `${reasonOf(error, folder)}.`, { cause: error })
  }
  const facts = await git(['rev-parse', '--is-bare-repository', '--absolute-git-dir'], { cwd: folder, allow: [0, 128] })
  if (facts.exitCode !== 0) throw notARepository(folder, facts.stderr)
  const [isBare, ...gitFolder] = facts.stdout.trimEnd().split('\n')
  if (isBare === 'true') return gitFolder.join('\n')
  return (await git(['rev-parse', '--show-toplevel'], { cwd: folder })).stdout.trimEnd()
}

function notARepository(folder: string, stderr: string): FatalError {
  if (/dubious ownership/.test(stderr)) {
    return new FatalError(
      'not-a-repository',
      `git refuses ${folder} because another user owns it. Allow it with: git config --global --add safe.directory '${folder}'`,
    )
  }
  return new FatalError(
    'not-a-repository',
    `${folder} is not a git repository. Run this in your repository, or make one: git init && git add -A && git commit.`,
  )
}
