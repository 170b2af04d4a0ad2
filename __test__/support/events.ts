/** What a streaming execution yielded. */
import type { StreamEvent } from 'isol8';

/** All events, up to the end. */
export async function collect(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** What came of one kind, as one text. */
export function text(events: StreamEvent[], type: StreamEvent['type']): string {
  return events
    .filter((event) => event.type === type)
    .map(({ data }) => data)
    .join('');
}
