"""Hand-ins of a class: packed by those who train, trained again and compared by who grades.

    handin   a run and its report in one file, and back; an unsafe file is refused
    task     a config with blanks, which a hand-in fills
    grade    trains the hand-ins again, compares, and says what each of them reached

Nothing of a hand-in is executed. Marks come from the numbers of the training here, never from those
that a hand-in holds.
"""
