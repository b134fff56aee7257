// What a configuration allows that nobody should forget: told by doctor, by status and by the API, as long as it stands there.

import type { Config } from './config.ts'

export interface Warning {
  /** Of the configuration. */
  key: string
  message: string
  remedy: string
}

export const warningsOf = ({ agents }: Pick<Config, 'agents'>): Warning[] =>
  Object.entries(agents).flatMap(([name, agent]) =>
    agent.kind === 'command' || agent.sandbox !== 'danger-full-access'
      ? []
      : [
          {
            key: `agents.${name}`,
            message: 'it may write everything that this user may, and reach the network',
            remedy: 'Set `sandbox` to "workspace-write".',
          },
        ],
  )
