// A PID namespace for the processes of a turn, where the system allows one: when its first process is gone, the kernel ends the others.

import { spawnSync } from 'node:child_process'

/** Of util-linux (unshare(1)). `--mount-proc`, since programs read /proc to find their own children. */
const asRoot = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--'] as const
/** Who is not root needs a user namespace around it, in which it stays who it is. */
const asUser = ['unshare', '--user', '--map-current-user', '--pid', '--fork', '--kill-child', '--mount-proc', '--'] as const

let found: readonly string[] | null | undefined

/** The words to put before a program so that it runs in a namespace of its own; null where there is none. Asked of the system once. */
export function namespaceWords(): readonly string[] | null {
  if (found !== undefined) return found
  const words = process.getuid?.() === 0 ? asRoot : asUser
  const [program, ...args] = words
  // Containers and hardened kernels forbid it, other systems do not have it: trying is the only way to know.
  const { status } = spawnSync(program, [...args, 'true'], { stdio: 'ignore', timeout: 5_000 })
  return (found = status === 0 ? words : null)
}
