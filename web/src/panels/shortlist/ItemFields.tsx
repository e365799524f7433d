import { useQuery } from "@tanstack/react-query";

import { api } from "../../api/client";
import { FieldTable } from "./FieldTable";

/** The catalogue row. A nice-to-have here: if it cannot be read, the explanation stands without it. */
export function ItemFields({ itemId }: { itemId: string }) {
  const item = useQuery({
    queryKey: ["item", itemId],
    queryFn: ({ signal }) => api.item(itemId, signal),
    staleTime: 60_000,
  });
  if (!item.data) return null;
  return (
    <section>
      <h3>In the catalogue</h3>
      <FieldTable fields={{ item_id: item.data.item_id, ...item.data.fields }} />
    </section>
  );
}
