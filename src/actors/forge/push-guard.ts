// Only this process pushes: a secret made at start, of which the bare repositories' hook knows no more than the hash.

import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface PushGuard {
  /** For the environment of our own push, and of no other process. */
  readonly environment: Record<string, string>
  /** The folder of hooks that a bare repository of ours must be configured with. */
  readonly hooks: string
  /** Puts the hook and the hash back as they must be; true when somebody had changed them. */
  restore: () => boolean
}

/** Writes the hook and the secret's hash (0600, the folder 0700) under `folder`/guard; earlier secrets are void from then on. */
export function createPushGuard(folder: string): PushGuard {
  const secret = randomBytes(32).toString('hex')
  const home = join(folder, 'guard')
  const hooks = join(home, 'hooks')
  const hash = { path: join(home, 'push-secret.sha256'), content: `${createHash('sha256').update(secret).digest('hex')}\n`, mode: 0o600 }
  const hook = { path: join(hooks, 'pre-receive'), content: script(hash.path), mode: 0o700 }

  mkdirSync(hooks, { recursive: true, mode: 0o700 })
  chmodSync(home, 0o700)
  const restore = () => [hash, hook].map(replace).includes(true)
  restore()
  return { environment: { SIGNALBOX_PUSH_SECRET: secret }, hooks, restore }
}

function replace(file: { path: string; content: string; mode: number }): boolean {
  if (read(file.path) === file.content) return false
  const fresh = `${file.path}.new`
  writeFileSync(fresh, file.content, { mode: file.mode })
  chmodSync(fresh, file.mode)
  renameSync(fresh, file.path)
  return true
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

const script = (hashFile: string) => `#!/bin/sh
# Written by Signalbox at each start. Accepts the pushes of the Signalbox process that is running now, and no others.
read -r expected < ${quote(hashFile)} || expected=
if command -v sha256sum > /dev/null 2>&1; then
  found=$(printf %s "\${SIGNALBOX_PUSH_SECRET:-}" | sha256sum)
else
  found=$(printf %s "\${SIGNALBOX_PUSH_SECRET:-}" | shasum -a 256)
fi
[ -n "$expected" ] && [ "\${found%% *}" = "$expected" ] && exit 0
echo 'Only Signalbox pushes here. Commit on the branch of the issue: it is published when the run has ended.' >&2
exit 1
`

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
