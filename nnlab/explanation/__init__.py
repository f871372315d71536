"""One row through the network and back, with every number and every formula.

    formula    the language of formulas: computed, and written with names or with numbers
    passage    the row's outputs, derivatives and central differences, and the update
    moments    the weights, the batch and the optimizer's state at an epoch of a run
    saved      the first update of a run, from its folder alone, for the report
    row        an explained row: what is known of it, its passage, what is shown
    selection  which units are shown of a large network
    blocks     formulas and tables, of which the next four are made
    forward, backward, update, story
    text       the story as text, for terminals
    record     the same as a JSON object, its numbers not rounded
    mathml     formulas for browsers; `show.page.explanation` makes the page

Formulas stand in the classes of the core: `formula` of a layer, `term_formula` of a loss, `rule` of
an optimizer. A member without any works too; its numbers are then shown without formulas.
"""
