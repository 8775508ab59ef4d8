"""Protection: which slices of surveys and reviews are hidden, so that nothing follows about few people.

hidden.py      what the model `hidden_slices` holds; the way in
surveys.py     surveys: morale, morale_item, enps          reviews.py    review cycles: rating_distribution, rating_gap
occasions.py   a survey or cycle as arrays                 choosing.py   small slices, and what gives them away
exposure.py    the rule: no sum over fewer than k people   owners.py     the same for raters, and for two versions
unanimity.py   from which answers everybody's follow       alike.py      the same for all rows of a survey together
earlier.py     what earlier surveys show of the same people
released.py    what readers have of an occasion already    changes.py    who has changed since, and whether all alike
"""
