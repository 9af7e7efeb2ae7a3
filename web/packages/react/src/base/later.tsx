import { type FunctionComponent, type ReactNode, useEffect, useState } from 'react'

/** A component that is loaded when it is first shown, unless it was prepared. */
export interface Later<Props> {
  (props: Props): ReactNode
  /** Loads it, so that it opens at once, and without a network. */
  prepare: () => void
}

/** If something that opens cannot be loaded, it closes, and can be tried again. */
export function later<Props extends object>(
  load: () => Promise<FunctionComponent<Props>>,
): Later<Props> {
  let Loaded: FunctionComponent<Props> | undefined
  const loading = () => load().then(component => (Loaded = component))
  const Component = (props: Props) => {
    const { onClose } = props as { onClose?: () => void }
    const [isLoaded, setLoaded] = useState(Loaded !== undefined)
    useEffect(() => {
      if (!isLoaded)
        loading().then(
          () => setLoaded(true),
          () => onClose?.(),
        )
    }, [isLoaded, onClose])
    return Loaded ? <Loaded {...props} /> : null
  }
  return Object.assign(Component, {
    prepare: () => void (Loaded ?? loading().catch(() => undefined)),
  })
}
