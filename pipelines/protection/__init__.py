"""Protection: which slices of surveys and reviews are hidden, so that nothing follows about few people.

hidden.py      what the model `hidden_slices` holds; the way in
surveys.py     surveys: morale, morale_item, enps          reviews.py    review cycles: rating_distribution, rating_gap
occasions.py   a survey or cycle as arrays                 earlier.py    what earlier surveys show of the same people
choosing.py    small slices, and what gives them away      exposure.py   the rule: no sum over fewer than k people
unanimity.py   rows from which everybody's answer follows
"""
