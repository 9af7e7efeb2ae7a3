import { useTidingsContext } from '../context'
import { Markdown } from './Markdown'

/** The text of an announcement. It may have pictures where the page allows them. */
export function AnnouncementText({ text }: { text: string }) {
  const { announcementPictures } = useTidingsContext()
  return <Markdown text={text} allowPictures={announcementPictures} />
}
