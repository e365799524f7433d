"""The text of an item, as content models and search read it."""

from __future__ import annotations

from shortlist.data.dataset import Dataset

# The first that an item has stands for what it is about; genres and tags are words as well.
_BODIES = ("abstract", "overview", "plot", "description", "text")
_WORDS = ("genres", "categories", "tags", "category", "subcategory", "brand")


def item_text(data: Dataset, *, labels: bool = False) -> list[str]:
    """What every item is about: "Title. Body", the body being abstract, overview or plot, else genres and tags.

    Args:
        data: with an item table.
        labels: add category, genres and tags even where there is a body, as search wants and models of content do
            not, because they would count a broad label as much as a telling word.

    Returns:
        M strings; "" where nothing is known.
    """
    import polars as pl

    table = data.item_table
    if table is None:
        return [""] * data.n_items

    def text(name: str) -> pl.Expr:
        column = pl.col(name)
        if table.schema[name] == pl.List(pl.String):
            column = column.list.drop_nulls().list.join(" ")
        return pl.when(column.str.strip_chars() != "").then(column.str.strip_chars())

    def first(names: tuple[str, ...]) -> list[pl.Expr]:
        return [text(name) for name in names if table.schema.get(name) in (pl.String, pl.List(pl.String))]

    title = first(("title", "name"))
    bodies = first(_BODIES)
    words = first(_WORDS)
    parts: list[pl.Expr] = []
    if title:
        parts.append(pl.coalesce(title))
    if bodies or words:
        # Items without a body are described by their words, several of them where there are several.
        listed = pl.concat_str(words, separator=" ", ignore_nulls=True) if words else pl.lit(None, pl.String)
        filled = pl.when(listed != "").then(listed)
        parts.append(pl.coalesce([*bodies, filled]))
        if labels and bodies and words:
            # Not twice where the labels already stand for the body.
            parts.append(pl.when(pl.coalesce([*bodies]).is_not_null()).then(filled))
    if not parts:
        return [""] * data.n_items
    joined = pl.concat_str(parts, separator=". ", ignore_nulls=True)
    return table.select(joined.fill_null("").alias("text"))["text"].to_list()
