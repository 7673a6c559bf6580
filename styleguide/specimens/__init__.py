"""What stands on the page of components: a module for each subject, a group for each heading, in their order.

All of it is made up, and none of it is in the database.
"""

from __future__ import annotations

from styleguide.specimens import basics, credits, frame, gallery, studio, viewer
from styleguide.specimens.specimen import Group

GROUPS = [
    Group(
        "Foundations",
        "Ink and paper. Pictures bring the colour; accent marks where the eye must go.",
        basics.foundations,
    ),
    Group("Buttons and links", "One primary action on a page; everything else is quiet.", basics.actions),
    Group("Fields", "Label above, help below; what was wrong stands at its field, in words.", basics.fields),
    Group(
        "Notices",
        "What happened, what it means for credits, what to do. The icon repeats the colour.",
        basics.notices,
    ),
    Group(
        "Frame",
        "What stands on every page. A colour of the balance never comes without a word.",
        frame.frame,
    ),
    Group("Sheets", "Logging in, the account, errors: one thing to do, in the middle.", frame.sheets),
    Group(
        "Pictures on their way",
        "The card has its picture’s shape from the start, so nothing moves.",
        studio.pictures,
    ),
    Group(
        "Studio form",
        "The price is on the button; what would stop a press is said before it.",
        studio.form,
    ),
    Group("Past prompts", "One is brought back by a press, or with a key.", studio.past),
    Group("Wall", "Edge to edge, words only where one points.", gallery.wall),
    Group(
        "Finding", "One query, typed or chosen; each filter is a chip that one takes off.", gallery.finding
    ),
    Group(
        "Viewer",
        "All that was asked of BFL and all that came of it. Almost black in both themes: drawn once.",
        viewer.viewer,
    ),
    Group(
        "Credits", "Figures large, each with what it means; a line for all that moved them.", credits.credits
    ),
    Group("Usage", "Everybody’s, for staff. A chart tells the same as its table.", credits.usage),
    Group(
        "Nothing here yet", "An empty page says what will be here and offers the first step.", frame.blanks
    ),
]
