/** Clicks on cards: sent once, shown as sent at once, taken back when the server says no. */
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";

import { api } from "../../api/client";
import { asApiError, type ApiError } from "../../api/errors";
import type { InteractionEvent } from "../../api/types";
import { newEventId } from "./ids";
import { remember } from "./sitting";
import { listKey } from "./useShortlist";

interface Failure {
  error: ApiError;
  event: InteractionEvent;
  title: string;
}

export function useClicks(userId: string, surface: string) {
  const client = useQueryClient();
  const [sent, setSent] = useState<ReadonlySet<string>>(new Set());
  const [failure, setFailure] = useState<Failure | null>(null);
  // A double click arrives before the next render, so state alone would let the second one through.
  const guard = useRef(new Set<string>());

  async function send(event: InteractionEvent, title: string) {
    const key = slot(event.request_id, event.item_id);
    if (guard.current.has(key)) return;
    guard.current.add(key);
    setSent(new Set(guard.current));
    setFailure(null);
    try {
      await api.event(event);
    } catch (error) {
      guard.current.delete(key);
      setSent(new Set(guard.current));
      setFailure({ error: asApiError(error), event, title });
      return;
    }
    remember(userId, { item_id: event.item_id, title, at: Date.now() });
    await Promise.all([
      client.invalidateQueries({ queryKey: listKey(userId, surface) }),
      client.invalidateQueries({ queryKey: ["user", userId] }),
    ]);
  }

  return {
    /** Keyed by list and item, so that the next list starts clean. */
    isSent: (requestId: string, itemId: string) => sent.has(slot(requestId, itemId)),
    click: (requestId: string, itemId: string, title: string) =>
      void send(
        {
          event: "interaction",
          event_id: newEventId(),
          user_id: userId,
          item_id: itemId,
          type: "click",
          request_id: requestId,
        },
        title,
      ),
    failure: failure?.error ?? null,
    /** The same event id again: should the first attempt have arrived after all, it counts once. */
    retry: () => failure && void send(failure.event, failure.title),
    dismiss: () => setFailure(null),
  };
}

function slot(requestId: string, itemId: string): string {
  return `${requestId}\n${itemId}`;
}
