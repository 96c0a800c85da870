"""What a configuration may say: the schema, overrides and rules. No MindSpore."""
