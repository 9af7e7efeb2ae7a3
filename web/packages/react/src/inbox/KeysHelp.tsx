import { Dialog } from '../base/Dialog'
import { useTidingsContext } from '../context'
import { type Labels } from '../labels'
import { useLabels } from '../labels/context'
import { Switch } from '../preferences/Switch'

const KEYS: [keyof Labels['keys'], string[]][] = [
  ['move', ['j', 'k']],
  ['open', ['o', 'Enter']],
  ['back', ['Esc']],
  ['select', ['x']],
  ['range', ['Shift ↓', 'Shift ↑']],
  ['archive', ['e']],
  ['snooze', ['h']],
  ['read', ['Shift I']],
  ['unread', ['Shift U']],
  ['mute', ['m']],
  ['reply', ['r']],
  ['undo', ['z']],
  ['search', ['/']],
  ['compose', ['c']],
  ['goInbox', ['g i']],
  ['goSent', ['g s']],
  ['goDashboard', ['g d']],
  ['help', ['?']],
]

/** All shortcuts, and the switch for those of one key. */
export function KeysHelp({ onClose }: { onClose: () => void }) {
  const labels = useLabels()
  const { singleKeys, setSingleKeys } = useTidingsContext()
  return (
    <Dialog title={labels.shortcuts} onClose={onClose} size="wide">
      <dl className="tidings-keys">
        {KEYS.map(([name, keys]) => (
          <div key={name}>
            <dt>{labels.keys[name]}</dt>
            <dd>
              {keys.map(key => (
                <kbd key={key} className="tidings-kbd">
                  {key}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <Switch
        label={labels.singleKeys}
        hint={labels.singleKeysHint}
        isOn={singleKeys}
        onChange={setSingleKeys}
      />
    </Dialog>
  )
}
