// Doctor: the secrets of the configuration can be read, by nobody else.

import { statSync } from 'node:fs'
import { addressOf } from '../actors/notification.ts'
import type { Config } from '../config.ts'
import { type Finding, fail, pass, warn } from './doctor.ts'
import { sentenceOf } from './exit.ts'

export function checkSecrets(config: Config): Finding[] {
  const findings = config.secrets.map((secret): Finding => {
    try {
      const value = secret.reveal()
      if (secret.key === 'notify.url') addressOf(secret)
      if (secret.key === 'server.operatorToken' && value.length < 32) {
        return warn(
          'secrets',
          `${secret.key} has only ${value.length} characters`,
          'Use 32 random bytes or more; `signalbox init --force` makes such a token.',
        )
      }
    } catch (error) {
      return fail('secrets', sentenceOf(error), 'Set it, or change the key.')
    }
    // A secret that is written into the configuration is as open as that file.
    const file = secret.file ?? (secret.source.startsWith('$') ? null : config.file)
    const mode = file === null ? 0 : statSync(file).mode & 0o777
    if ((mode & 0o077) !== 0) {
      return warn('secrets', `${secret.key}: ${file} may be read by other users (mode ${mode.toString(8)})`, `chmod 600 ${file}`)
    }
    return pass('secrets', `${secret.key} is readable`)
  })
  if (config.server.operatorToken === null) {
    findings.push(
      fail(
        'secrets',
        'server.operatorToken is missing: the API would be closed to everyone',
        '`signalbox init --force` makes one, or set it to "file:PATH".',
      ),
    )
  }
  const mode = statSync(config.file).mode & 0o777
  if ((mode & 0o022) !== 0) {
    findings.push(
      warn(
        'secrets',
        `other users may change ${config.file} (mode ${mode.toString(8)}), and it names commands that are run`,
        `chmod go-w ${config.file}`,
      ),
    )
  }
  return findings
}
