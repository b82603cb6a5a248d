"""Text becomes token shards: files of any kind, tokenizers, the hub, and the toy language."""
