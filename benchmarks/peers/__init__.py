"""The job as programs of other frameworks, each as its own documentation teaches, with its batching on."""
