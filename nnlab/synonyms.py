"""What other programs call the things of a config: a table, which `suggest` looks words up in.

A row of the table is for words that are not spelled like the name here. Spellings that differ in
capitals, `_`, `-` or a prefix (`nn.LeakyReLU`, `MaxPool`, `drop-out`) need no row. YAML in
backticks can be copied into a config: it stands at the top of the file, or is a layer if it begins
with `- `. A test reads every piece of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """Other words for one name.

    family: the kind of thing, a `Family.word` or "command", "setting", "value", "metric".
    name: what it is called here, for a setting its path; with a dot in front if that is right only
    where the name is among those allowed (a layer's `slope`); empty if nnlab has no such thing.
    words: separated by blanks.
    advice: what to write, and whatever else the reader has to know.
    """

    family: str
    name: str
    words: str
    advice: str = ""


LAST_SIGMOID = "The last layers are then `- dense: 1` and `- sigmoid`."
LAST_SOFTMAX = "The last layer is then `- softmax`, which the loss includes."
A_LIST = "`network` is one list, and each layer takes what the one before it gives."

# fmt: off
TABLE = (
    Row("layer", "dense", "linear fc fully_connected full affine inner_product mlp hidden units "
        "neurons neuron perceptron output LazyLinear",
        "Write `- dense: 10` for 10 units; `linear` is the activation f(x) = x."),
    Row("layer", "conv2d", "conv convolution convolution2d cnn LazyConv2d"),
    Row("layer", "max_pool", "MaxPool2d MaxPooling2D MaxPooling pool pooling"),
    Row("layer", "avg_pool", "AvgPool2d AveragePooling2D AveragePooling average_pool mean_pool"),
    Row("layer", "global_avg_pool", "GlobalAveragePooling2D global_average_pool global_pool gap "
        "AdaptiveAvgPool2d"),
    Row("layer", "", "GlobalMaxPooling2D AdaptiveMaxPool2d global_max_pool",
        "`- global_avg_pool` comes nearest."),
    Row("layer", "batch_norm", "BatchNorm1d BatchNorm2d BatchNormalization bn"),
    Row("layer", "layer_norm", "LayerNormalization ln"),
    Row("layer", "", "GroupNorm InstanceNorm2d RMSNorm GroupNormalization normalization",
        "The normalizing layers are `- batch_norm` and `- layer_norm`; `scale` in `data` "
        "normalizes the inputs."),
    Row("layer", "dropout", "Dropout1d Dropout2d SpatialDropout2D drop AlphaDropout "
        "GaussianDropout"),
    Row("layer", "reshape", "view unflatten"),
    Row("layer", "sigmoid", "logistic expit sigm"),
    Row("layer", "", "hard_sigmoid log_sigmoid", "`- sigmoid` comes nearest."),
    Row("layer", "", "softsign hard_tanh tanh_shrink", "`- tanh` comes nearest."),
    Row("layer", "relu", "rectifier rectified_linear ramp"),
    Row("layer", "", "relu6 threshold_relu hard_shrink",
        "`- relu` comes nearest."),
    Row("layer", "leaky_relu", "lrelu negative_slope"),
    Row("layer", "", "prelu rrelu", "Slopes are not learned here; write `- leaky_relu: 0.25`."),
    Row("layer", "", "selu celu", "`- elu` comes nearest."),
    Row("layer", "gelu", "quick_gelu gelu_new gelu_tanh"),
    Row("layer", "silu", "swish"),
    Row("layer", "", "mish hard_swish glu swiglu", "`- silu` comes nearest."),
    Row("layer", "softmax", "softmax2d softargmax"),
    Row("layer", "", "log_softmax softmin",
        "Write `- softmax`: the loss `cross_entropy` takes the logarithm itself."),
    Row("layer", "linear", "identity none passthrough noop",
        "A dense layer without an activation behind it is linear already."),
    Row("layer", "step", "heaviside hardlim threshold binary_step sign"),
    Row("layer", "", "activation act nonlinearity",
        "An activation is a layer of its own, written by its name: `- relu`."),
    Row("layer", "", "LSTM GRU RNN SimpleRNN LSTMCell embedding attention MultiheadAttention "
        "transformer", "nnlab has no layers for sequences or text."),
    Row("layer", "", "Conv1D Conv3D Conv2DTranspose ConvTranspose2d SeparableConv2D "
        "DepthwiseConv2D", "The only convolution is `- conv2d: 16`."),
    Row("layer", "", "ZeroPadding2D ZeroPad2d pad padding UpSampling2D upsample",
        "Convolutions pad themselves: `- conv2d: {filters: 8, padding: same}`."),
    Row("layer", "", "input InputLayer inputs",
        "Leave it out: the data says how many inputs there are."),
    Row("layer", "", "sequential add concat concatenate residual skip", A_LIST),

    Row("loss", "mse", "mean_squared_error mean_square_error squared_error squared_loss square "
        "l2 l2_loss MSELoss quadratic least_squares rmse root_mean_squared_error brier"),
    Row("loss", "mse", "sse sum_squared_error sum_of_squares",
        "Write `loss: {mse: sum}` for the sum over the batch."),
    Row("loss", "mae", "mean_absolute_error absolute_error absolute_loss l1 l1_loss L1Loss"),
    Row("loss", "huber", "SmoothL1Loss smooth_l1 HuberLoss"),
    Row("loss", "", "log_cosh quantile pinball", "`loss: huber` comes nearest."),
    Row("loss", "bce", "binary_cross_entropy BCELoss BCEWithLogitsLoss sigmoid_cross_entropy "
        "binary_cross_entropy_with_logits BinaryCrossentropyLoss binary_log_loss logistic "
        "logistic_loss binary binary_logistic", LAST_SIGMOID),
    Row("loss", "cross_entropy", "categorical_cross_entropy CrossEntropyLoss NLLLoss nll nll_loss "
        "negative_log_likelihood CategoricalCrossentropyLoss softmax_cross_entropy softmax_loss "
        "softmax_cross_entropy_with_logits categorical multinomial entropy softmax ce xent",
        LAST_SOFTMAX),
    Row("loss", "cross_entropy", "sparse_categorical_cross_entropy sparse_cross_entropy "
        "sparse_softmax_cross_entropy",
        f"Classes become one-hot targets by themselves. {LAST_SOFTMAX}"),
    Row("loss", "cross_entropy", "log_loss logloss", f"{LAST_SOFTMAX} With one output it is "
        "`loss: bce` after `- sigmoid`."),
    Row("loss", "", "hinge HingeLoss squared_hinge MultiMarginLoss perceptron svm",
        "For classes write `loss: cross_entropy` after `- softmax`, or `loss: bce` after "
        "`- sigmoid`."),
    Row("loss", "", "kl_div KLDivLoss kl_divergence kullback_leibler_divergence",
        "`loss: cross_entropy` has the same gradient."),
    Row("loss", "", "focal FocalLoss",
        "For rare classes write `loss: {name: cross_entropy, class_weight: balanced}`."),
    Row("loss", "", "mape mean_absolute_percentage_error msle mean_squared_logarithmic_error "
        "poisson PoissonNLLLoss GaussianNLLLoss cosine_similarity CosineEmbeddingLoss CTCLoss "
        "TripletMarginLoss MarginRankingLoss",
        "For numbers write `loss: mse`, `loss: mae` or `loss: huber`."),
    Row("loss", "", "accuracy acc r2 auc f1",
        "That is a metric, which cannot be trained on: `loss: cross_entropy` for classes, "
        "`loss: mse` for numbers."),

    Row("optimizer", "sgd", "gradient_descent gd stochastic_gradient_descent steepest_descent "
        "backprop"),
    Row("optimizer", "sgd", "momentum sgdm heavy_ball MomentumOptimizer",
        "Momentum is a setting of sgd, as in "
        "`optimizer: {name: sgd, lr: 0.01, momentum: 0.9}`."),
    Row("optimizer", "sgd", "nesterov nag nesterov_momentum",
        "Momentum is a setting of sgd, as in "
        "`optimizer: {name: sgd, lr: 0.01, momentum: 0.9, nesterov: true}`."),
    Row("optimizer", "", "lbfgs bfgs l_bfgs_b newton cg conjugate_gradient levenberg_marquardt",
        "nnlab trains by batches with first-order rules only; write `optimizer: adam`, and "
        "`training: {batch_size: full}` for the whole data in every update."),
    Row("optimizer", "", "rprop adadelta",
        "`optimizer: rmsprop` comes nearest."),
    Row("optimizer", "", "nadam radam adamax amsgrad ftrl lion lamb lars adafactor muon adabelief "
        "sophia ranger", "`optimizer: adam` comes nearest."),

    Row("schedule", "constant", "none fixed ConstantLR"),
    Row("schedule", "constant", "warmup linear_warmup",
        "Every schedule can warm up: `schedule: {name: constant, warmup: 5}`."),
    Row("schedule", "step", "StepLR step_decay StepDecay staircase",
        "Write `schedule: {name: step, every: 10, gamma: 0.1}`."),
    Row("schedule", "multistep", "MultiStepLR piecewise piecewise_constant PiecewiseConstantDecay",
        "Write `schedule: {name: multistep, milestones: [30, 60], gamma: 0.1}`."),
    Row("schedule", "exponential", "ExponentialLR ExponentialDecay exp"),
    Row("schedule", "linear", "LinearLR linear_decay PolynomialLR PolynomialDecay polynomial poly"),
    Row("schedule", "", "InverseTimeDecay inverse_time inv_scaling inverse_sqrt noam",
        "`schedule: {exponential: 0.95}` comes nearest."),
    Row("schedule", "cosine", "CosineAnnealingLR CosineAnnealing CosineDecay cos"),
    Row("schedule", "cosine", "CosineAnnealingWarmRestarts CosineDecayRestarts sgdr",
        "It runs once, without restarts."),
    Row("schedule", "one_cycle", "OneCycleLR cyclic CyclicLR"),
    Row("schedule", "plateau", "ReduceLROnPlateau reduce_on_plateau adaptive"),

    Row("initializer", "xavier_uniform", "glorot_uniform glorot xavier GlorotUniform default auto"),
    Row("initializer", "xavier_normal", "glorot_normal"),
    Row("initializer", "he_uniform", "kaiming_uniform kaiming he"),
    Row("initializer", "he_normal", "kaiming_normal"),
    Row("initializer", "lecun_normal", "lecun"),
    Row("initializer", "normal", "random_normal gaussian randn random truncated_normal "
        "trunc_normal"),
    Row("initializer", "uniform", "random_uniform rand"),
    Row("initializer", "zeros", "zero"),
    Row("initializer", "constant", "ones one", "Write `init: {constant: 1}`."),
    Row("initializer", "", "orthogonal identity eye dirac sparse variance_scaling",
        "`init: xavier_normal` keeps the size of signals too."),

    Row("data set", "moons", "make_moons moon two_moons half_moons"),
    Row("data set", "circles", "make_circles circle rings"),
    Row("data set", "blobs", "make_blobs blob clusters gaussians make_classification"),
    Row("data set", "spirals", "spiral two_spirals"),
    Row("data set", "digits", "load_digits optdigits"),
    Row("data set", "mnist", "mnist_784 load_mnist"),
    Row("data set", "fashion_mnist", "fashion zalando"),
    Row("data set", "identity", "encoder autoencoder one_hot eye"),
    Row("data set", "curve", "sine sin function regression", "Write `data: {curve: sine}`."),
    Row("data set", "random", "noise randn"),
    Row("data set", "csv", "csv file table tsv txt excel xlsx pandas dataframe parquet json",
        "Write `data: {name: csv, path: my.csv, target: y}` with the names of your file and of the "
        "column to predict."),
    Row("data set", "npz", "npz npy numpy array arrays", "Write `data: {npz: my.npz}`."),
    Row("data set", "", "iris wine breast_cancer boston california_housing diabetes titanic adult",
        "It is not shipped; save it as a file and write "
        "`data: {name: csv, path: my.csv, target: y}`."),
    Row("data set", "", "cifar cifar10 cifar100 svhn emnist kmnist imagenet images image_folder",
        "It is not shipped; save images and labels as arrays x and y and write "
        "`data: {npz: my.npz}`."),

    Row("augmentation", "shift", "translate translation random_translation crop random_crop"),
    Row("augmentation", "rotate", "rotation random_rotation affine random_affine"),
    Row("augmentation", "rotate", "zoom random_zoom scale stretch",
        "Write `training: {augment: [{name: rotate, zoom: 0.1}]}`."),
    Row("augmentation", "flip", "random_flip horizontal_flip random_horizontal_flip hflip fliplr "
        "mirror"),
    Row("augmentation", "cutout", "erase random_erasing erasing"),

    Row("function", "rosenbrock", "banana"),
    Row("function", "quadratic", "bowl sphere parabola"),

    Row("setting", "optimizer.lr", "learning_rate learning_rate_init lrate eta eta0 step_size"),
    Row("setting", "optimizer.weight_decay", "l2 alpha decay l2_penalty l2_reg regularization "
        "kernel_regularizer reg lambda wd"),
    Row("setting", "optimizer.l1", "l1_penalty l1_reg"),
    Row("setting", "optimizer.momentum", "mu"),
    Row("setting", "optimizer.nesterov", "nesterovs_momentum use_nesterov"),
    Row("setting", "optimizer.clip_norm", "clip max_grad_norm grad_clip gradient_clip clipnorm "
        "global_clipnorm max_norm"),
    Row("setting", "optimizer.clip_value", "clipvalue"),
    Row("setting", ".beta1", "beta_1 b1"),
    Row("setting", ".beta2", "beta_2 b2"),
    Row("setting", ".beta1", "betas",
        "They are two settings, as in `optimizer: {name: adam, beta1: 0.9, beta2: 0.999}`."),
    Row("setting", "", "dampening amsgrad foreach fused maximize",
        "Leave it out: nnlab has no such variant."),
    Row("setting", "", "from_logits logits",
        "Leave it out: the loss includes the `- sigmoid` or `- softmax` before it."),
    Row("setting", ".eps", "epsilon adam_epsilon"),
    Row("setting", ".alpha", "rho"),
    Row("setting", ".slope", "alpha negative_slope leak"),
    Row("setting", "training.epochs", "n_epochs num_epochs nb_epoch epoch max_epochs max_iter "
        "n_iter iterations"),
    Row("setting", "training.batch_size", "batch batchsize bs mini_batch minibatch_size"),
    Row("setting", "training.dtype", "precision float_type"),
    Row("setting", "training.engine", "backend device"),
    Row("setting", "training.monitor", "watch"),
    Row("setting", "training.early_stopping", "early_stop earlystopping es"),
    Row("setting", "training.early_stopping.patience", "patience n_iter_no_change"),
    Row("setting", "training.early_stopping.min_delta", "min_delta tol tolerance"),
    Row("setting", "training.early_stopping.restore_best", "restore_best restore_best_weights"),
    Row("setting", "training.augment", "augmentation augmentations data_augmentation transforms"),
    Row("setting", "training.checkpoint_every", "save_every checkpoint save_freq"),
    Row("setting", "training.ema", "ema_decay use_ema"),
    Row("setting", "data.validation", "val_split validation_split validation_fraction "
        "validation_size val val_size val_fraction valid dev"),
    Row("setting", "data.test", "test_size test_split test_fraction"),
    Row("setting", "data.scale", "normalize normalise scaling scaler standardize preprocessing "
        "normalization"),
    Row("setting", "data.split", "shuffle_split"),
    Row("setting", "data", "dataset data_set"),
    Row("setting", "seed", "random_state random_seed rng manual_seed"),
    Row("setting", "network", "layers model architecture net"),
    Row("setting", "optimizer", "solver optim optimiser"),
    Row("setting", "loss", "criterion loss_function objective cost"),
    Row("setting", "schedule", "scheduler lr_scheduler lr_schedule learning_rate_schedule"),
    Row("setting", "init", "initializer kernel_initializer weight_init initialization"),
    Row("setting", "training", "train trainer fit"),
    Row("setting", "sweeps", "sweep studies study grid search"),
    Row("setting", ".units", "out_features n_units neurons nodes size width hidden_units n_out"),
    Row("setting", "", "in_features input_dim input_shape input_size n_in in_channels num_features",
        "Leave it out: the data and the layer before say how many inputs there are."),
    Row("setting", ".bias", "use_bias"),
    Row("setting", ".filters", "units out_channels channels n_filters"),
    Row("setting", ".kernel", "kernel_size filter_size window"),
    Row("setting", ".size", "pool_size kernel_size window"),
    Row("setting", ".stride", "strides subsample"),
    Row("setting", ".padding", "pad"),
    Row("setting", ".rate", "p prob probability drop_prob dropout_rate"),
    Row("setting", ".shape", "target_shape"),
    Row("setting", ".every", "step_size period"),
    Row("setting", ".gamma", "decay_rate drop"),
    Row("setting", ".factor", "gamma decay_rate"),
    Row("setting", ".min", "eta_min min_lr alpha"),
    Row("setting", ".length", "T_max total_steps decay_steps max_steps total_iters"),
    Row("setting", ".target", "label labels y target_column output class"),
    Row("setting", ".targets", "labels y"),
    Row("setting", ".inputs", "x features"),
    Row("setting", ".path", "file filename csv"),
    Row("setting", ".delimiter", "sep separator"),
    Row("setting", ".ignore", "drop exclude drop_columns"),
    Row("setting", ".categorical", "categories cat_columns categorical_columns one_hot"),
    Row("setting", ".missing", "na fillna impute nan"),
    Row("setting", ".samples", "n_samples n points rows"),
    Row("setting", ".std", "stddev sd sigma scale cluster_std"),
    Row("setting", ".bound", "limit range high maxval"),
    Row("setting", ".class_weight", "weight weights pos_weight class_weights"),
    Row("setting", ".label_smoothing", "smoothing"),
    Row("setting", ".delta", "beta"),
    Row("setting", "", "hidden_layer_sizes hidden_layers hidden_sizes",
        "Write the layers down: `network: [{dense: 32}, relu, {dense: 1}]`."),
    Row("setting", "", "dropout dropout_rate dropout_prob drop_rate",
        "Dropout is a layer of its own: `- dropout: 0.5`."),
    Row("setting", "", "batch_norm batch_normalization batchnorm",
        "Normalizing is a layer of its own: `- batch_norm`."),
    Row("setting", "", "activation act hidden_activation nonlinearity activation_function",
        "An activation is a layer of its own: `- relu`."),
    Row("setting", "", "metrics metric", "Metrics follow from the data; none has to be asked for."),
    Row("setting", "", "verbose verbosity log_level",
        "That is an option of the command: --quiet or --verbose."),
    Row("setting", "", "callbacks workers num_workers n_jobs", "nnlab needs none."),

    Row("command", "train", "fit run learn start"),
    Row("command", "resume", "continue restart"),
    Row("command", "tune", "search optimize optimise hpo optuna"),
    Row("command", "sweep", "grid study"),
    Row("command", "check", "validate lint test-config"),
    Row("command", "evaluate", "eval test score"),
    Row("command", "predict", "infer inference forward"),
    Row("command", "runs", "list ls history show"),
    Row("command", "compare", "diff"),
    Row("command", "plot", "draw figure figures graph show-figures"),
    Row("command", "report", "html page"),
    Row("command", "init", "new create copy example examples configs"),
    Row("command", "data", "dataset datasets download fetch"),
    Row("command", "", "help", "Write nnlab --help, or nnlab train --help."),
    Row("command", "", "version", "Write nnlab --version."),

    Row("command", ".fetch", "download get pull"),
    Row("command", ".verify", "check test"),
    Row("command", "report", "tensorboard view browse"),
    Row("command", "sweep", "gridsearch grid-search"),

    Row("option", ".out", "output o output-dir outdir save dir"),
    Row("option", ".only", "figure figures plot kind which"),
    Row("option", ".data", "split part dataset test"),
    Row("option", ".runs", "out output output-dir outdir dir folder o"),
    Row("option", ".jobs", "n-jobs workers num-workers parallel"),
    Row("option", ".threads", "n-threads num-threads cores"),
    Row("option", "", "gpu cuda", "nnlab computes on the processor only."),
    Row("option", "", "resume continue", "Write nnlab resume RUN."),
    Row("option", "", "dry-run check validate", "Write nnlab check CONFIG."),

    Row("value", ".true", "yes on y enabled"),
    Row("value", ".false", "no off n disabled"),
    Row("value", ".unit", "minmax min_max MinMaxScaler normalize normalized 0-1"),
    Row("value", ".standardize", "standard StandardScaler zscore z_score normal"),
    Row("value", ".none", "no null off"),
    Row("value", ".float32", "float single f32 fp32"),
    Row("value", ".float64", "double f64 fp64"),
    Row("value", ".compiled", "numba jit cpu native fast"),
    Row("value", ".full", "all whole"),
    Row("value", ".shuffled", "shuffle random"),
    Row("value", ".ordered", "order sorted last time"),
    Row("value", ".classes", "classification class classify categorical"),
    Row("value", ".regression", "number numbers numeric continuous"),
    Row("value", ".drop", "dropna skip remove ignore"),
    Row("value", ".mean", "average impute fill avg"),
    Row("value", ".epoch", "epochs"),
    Row("value", ".step", "steps update updates batch iteration"),
    Row("value", ".balanced", "balance auto"),
    Row("value", ".sine", "sin"),
    Row("value", ".cosine", "cos"),

    Row("metric", ".train_accuracy", "train_acc acc accuracy"),
    Row("metric", ".val_accuracy", "val_acc valid_accuracy validation_accuracy"),
    Row("metric", ".test_accuracy", "test_acc"),
    Row("metric", ".accuracy", "acc"),
    Row("metric", ".train_loss", "loss"),
    Row("metric", ".val_loss", "valid_loss validation_loss"),
    Row("metric", ".train_r2", "r2 train_r_squared r2_score"),
    Row("metric", ".val_r2", "val_r_squared"),
    Row("metric", ".r2", "r_squared r2_score"),
    Row("metric", ".train_mae", "mae train_mean_absolute_error"),
    Row("metric", ".val_mae", "val_mean_absolute_error"),
    Row("metric", ".mae", "mean_absolute_error"),
)
# fmt: on
