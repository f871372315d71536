"""What a person sees of a run: figures, and pages that hold them.

words     how numbers, durations, settings and runs are worded; the standard library only
figures   drawn by matplotlib from a run folder or a sweep's
page      one self-contained HTML page of a run, of several, or of a sweep
"""
