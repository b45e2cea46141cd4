"""The forms of sparsity, told apart: one file per form, each small, exact where it can be, priced in one coin."""
