import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

/** Once the server is ready (again), everything that failed meanwhile is asked for once more. */
export function useWakeUp(ready: boolean): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!ready) return;
    void client.invalidateQueries({
      predicate: (query) => query.state.status === "error" && query.queryKey[0] !== "ready",
    });
  }, [client, ready]);
}
