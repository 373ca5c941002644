"""The settings of methods: the types that their values have, and the words by which layers share something."""
