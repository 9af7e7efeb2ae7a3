import { useEffect, useRef, useState } from 'react'
import { pick, useGraphiQL, useGraphiQLActions } from '@graphiql/react'
import type { DemoUser } from './demo'
import { headersOf, isBlank, remember, signIn, startingHeaders } from './identity'

/** How long nobody has typed before the headers are taken as complete. */
const PAUSE_MS = 500

/**
 * Keeps the headers editor and the page in step, and in the demo lets one choose who to be.
 *
 * The headers editor decides: what is chosen is written there, and who is shown is read from there.
 */
export function SignedInAs({ users }: { users: DemoUser[] }) {
  const { headerEditor, tabs, activeTabIndex, fetchError } = useGraphiQL(
    pick('headerEditor', 'tabs', 'activeTabIndex', 'fetchError'),
  )
  const { introspect, moveTab, stop } = useGraphiQLActions()
  const [headers, setHeaders] = useState('')

  useEffect(() => {
    if (!headerEditor) return
    const listener = headerEditor.onDidChangeModelContent(() => {
      remember(headerEditor.getValue())
      setHeaders(headerEditor.getValue())
    })
    return () => listener.dispose()
  }, [headerEditor])

  // A tab that is new, or comes from the storage, has no headers.
  useEffect(() => {
    if (headerEditor && isBlank(headerEditor.getValue())) headerEditor.setValue(startingHeaders())
  }, [headerEditor, activeTabIndex])

  // The schema is not for strangers: ask again when somebody has entered a token. A request may still be under way then, and
  // is refused later, for the headers of before: so a refusal counts as well as a change of the headers.
  const askedWith = useRef(startingHeaders())
  useEffect(() => {
    if (!fetchError || headers === askedWith.current) return
    const ask = () => {
      askedWith.current = headers
      introspect()
    }
    const pause = setTimeout(ask, PAUSE_MS)
    return () => clearTimeout(pause)
  }, [headers, fetchError, introspect])

  if (users.length === 0) return null

  const choose = (name: string) => {
    const user = users.find(user => user.name === name)
    if (!user || !headerEditor) return
    // A subscription that runs is of the person of before.
    stop()
    signIn(user)
    // The other tabs get the new headers when they are opened; GraphiQL has no other way to change them.
    moveTab(tabs.map((tab, index) => (index === activeTabIndex ? tab : { ...tab, headers: null })))
    headerEditor.setValue(headersOf(user.token))
  }

  const current = users.find(user => headers.includes(user.token))
  return (
    <label className="signed-in-as">
      Signed in as
      <select value={current?.name ?? ''} onChange={event => choose(event.target.value)}>
        {current ? null : <option value="">someone else</option>}
        {users.map(({ name, role }) => (
          <option key={name} value={name}>
            {role === 'user' ? name : `${name} (${role})`}
          </option>
        ))}
      </select>
    </label>
  )
}
