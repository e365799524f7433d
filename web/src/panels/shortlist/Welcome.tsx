import { useQuery } from "@tanstack/react-query";

import { api } from "../../api/client";
import { plural } from "../../app/format";
import { EmptyState } from "../../components/EmptyState";
import { Icon } from "../../components/Icon";
import { newVisitorId } from "./ids";

const SUGGESTED = 7;

/** Nobody chosen yet: a few people to start with, and the stranger. */
export function Welcome({ onPick }: { onPick: (userId: string) => void }) {
  const users = useQuery({
    queryKey: ["users", ""],
    queryFn: ({ signal }) => api.users("", signal),
    staleTime: 30_000,
  });
  return (
    <EmptyState icon="user" title="Whose shortlist?">
      <p>
        Search for a user above, start with one of these, or step in as somebody the models have never met.
      </p>
      <div className="picks">
        {users.data?.users.slice(0, SUGGESTED).map((user) => (
          <button key={user.user_id} type="button" className="pick" onClick={() => onPick(user.user_id)}>
            <strong>{user.user_id}</strong>
            <span>{plural(user.n_events, "event")}</span>
          </button>
        ))}
        <button type="button" className="pick is-fresh" onClick={() => onPick(newVisitorId())}>
          <strong>
            <Icon name="spark" /> New visitor
          </strong>
          <span>cold start</span>
        </button>
      </div>
    </EmptyState>
  );
}
