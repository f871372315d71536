"""What differs between runs, read from their folders alone.

facts         what a run folder says that can be compared
differences   settings, environment and curves of several runs
groups        runs that differ in nothing but the seed, and the noise of the seed
"""
