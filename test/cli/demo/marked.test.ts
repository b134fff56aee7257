import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { endMarkedAtOnce, processesMarked } from '../../../src/cli/demo/marked.ts'

describe.runIf(process.platform === 'linux')('processes marked with a folder', () => {
  it('are found by a SIGNALBOX_* variable that names something in it, and ended', async () => {
    const folder = `/tmp/signalbox-marked-${process.pid}`
    const own = spawn('sleep', ['60'], { env: { SIGNALBOX_PROMPT_FILE: `${folder}/runs/A-1/run-1/prompt.md` } })
    const other = spawn('sleep', ['60'], { env: { SIGNALBOX_PROMPT_FILE: `${folder}-2/prompt.md`, HOME: folder } })
    try {
      await Promise.all([once(own, 'spawn'), once(other, 'spawn')])
      await expect.poll(() => processesMarked(folder)).toEqual([own.pid])
      endMarkedAtOnce(folder)
      await once(own, 'exit')
      expect(processesMarked(folder)).toEqual([])
      expect(other.exitCode ?? other.signalCode).toBeNull()
    } finally {
      own.kill('SIGKILL')
      other.kill('SIGKILL')
    }
  })
})
