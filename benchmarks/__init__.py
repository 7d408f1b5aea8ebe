"""What it costs: the same job by this pipeline and its peers, and this pipeline's own figures (docs/performance.md)."""
