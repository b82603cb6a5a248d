"""The standing of the tracks: cohorts, ranking, ladder and ablations, and the documents and pages made from them."""
