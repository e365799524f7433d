"""Click networks over fields: columns to vectors to blocks to one logit, one file per preset."""
